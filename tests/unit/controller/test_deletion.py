"""What deletion does to a run, and what holds it up."""

from meshmigrate.controller import names
from meshmigrate.controller.clock import format_time
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with, killed
from tests.unit.controller.scripted_cluster import KEY


def test_the_finalizer_is_there_only_while_a_run_is_in_flight(started: Story) -> None:
    """It comes before the Job and goes after the result."""
    assert started.cluster.body()["metadata"]["finalizers"] == [names.FINALIZER]
    started.finish()
    assert started.cluster.body()["metadata"]["finalizers"] == []


def test_a_finalizer_of_somebody_else_stays(started: Story) -> None:
    """Only our own finalizer is ours to remove."""
    started.cluster.edit(lambda body: body["metadata"]["finalizers"].append("example.org/keep"))
    started.finish()
    assert started.cluster.body()["metadata"]["finalizers"] == ["example.org/keep"]


def test_a_deleted_resource_waits_for_its_run(started: Story) -> None:
    """Deletion does not disturb a container that works on the database."""
    started.cluster.start_pod(started.job)
    started.look()
    started.cluster.delete()
    started.look()
    assert KEY in started.cluster.resources
    assert started.job in started.cluster.jobs
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    assert KEY not in started.cluster.resources


def test_a_deleted_resource_lets_go_of_a_job_that_has_not_started(started: Story) -> None:
    """A run that has not begun is called off with its resource."""
    started.cluster.waiting_pod(started.job)
    started.cluster.delete()
    started.look()
    assert KEY not in started.cluster.resources
    assert started.cluster.jobs == {}


def test_a_deleted_resource_starts_no_run(started: Story) -> None:
    """A lost pod of a deleted resource is not followed by another attempt."""
    killed(started.cluster, started.job)
    started.cluster.delete()
    started.look()
    assert KEY not in started.cluster.resources
    assert len(started.cluster.created_jobs) == 1


def test_a_deletion_of_everything_is_not_held_up(started: Story) -> None:
    """When Job and pod are going, as with their namespace, the finalizer goes at once."""
    pod = started.cluster.start_pod(started.job)
    started.look()
    moment = format_time(started.cluster.clock())
    pod["metadata"]["deletionTimestamp"] = moment
    started.cluster.jobs[started.job]["metadata"]["deletionTimestamp"] = moment
    started.cluster.delete()
    started.look()
    assert KEY not in started.cluster.resources
