"""What deletion does to a run, and what holds it up."""

from datetime import timedelta

import pytest

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


def test_cancel_stops_a_runner_and_waits_for_its_end(started: Story) -> None:
    """Its Job is deleted, it has its grace period, then the resource is gone; no undo follows."""
    job = started.job
    started.cluster.set_spec(deletionPolicy="Cancel")
    started.run()
    started.cluster.delete()
    started.look()
    assert job not in started.cluster.jobs
    assert KEY in started.cluster.resources
    started.cluster.end_going_pod(job)
    started.look()
    assert KEY not in started.cluster.resources
    assert started.cluster.created_jobs == [job]


def test_cancel_holds_a_deletion_for_the_grace_period_at_most(started: Story) -> None:
    """A node that is gone does not end its pods: whoever deletes does not wait for that."""
    started.cluster.set_spec(deletionPolicy="Cancel")
    started.run()
    started.cluster.delete()
    started.look()
    started.cluster.clock.pass_time(timedelta(seconds=59))
    started.look()
    assert KEY in started.cluster.resources
    started.cluster.clock.pass_time(timedelta(seconds=1))
    started.look()
    assert KEY not in started.cluster.resources


def test_the_policy_counts_as_it_is_when_it_is_asked(started: Story) -> None:
    """Who waits for a deletion may change their mind."""
    job = started.job
    started.run()
    started.cluster.delete()
    started.look()
    assert job in started.cluster.jobs
    started.cluster.set_spec(deletionPolicy="Cancel")
    started.look()
    assert job not in started.cluster.jobs


def test_a_deleted_run_can_be_stopped_by_its_id(started: Story) -> None:
    """Cancelling a run that is waited for stops it, and nothing is taken back."""
    job = started.job
    started.run()
    started.cluster.delete()
    started.look()
    started.cancel()
    assert job not in started.cluster.jobs
    started.cluster.end_going_pod(job)
    started.look()
    assert KEY not in started.cluster.resources
    assert started.cluster.created_jobs == [job]


def test_a_change_of_the_policy_starts_no_run(started: Story) -> None:
    """It says nothing about the database."""
    started.finish()
    started.cluster.set_spec(deletionPolicy="Cancel")
    started.look()
    assert started.status["runNumber"] == 1


def test_a_cancellation_does_not_survive_its_resource(started: Story) -> None:
    """Deleting never starts an undo: what waited for the runner's end is not done any more."""
    job = started.job
    started.run()
    started.cancel()
    started.cluster.delete()
    started.look()
    started.cluster.end_going_pod(job)
    started.look()
    assert KEY not in started.cluster.resources
    assert started.cluster.created_jobs == [job]


def test_an_undo_at_work_is_waited_for(started: Story) -> None:
    """A way back that has begun is no different from any other run."""
    started.back_off()
    started.cancel()
    started.run()
    started.cluster.delete()
    started.look()
    assert KEY in started.cluster.resources
    ends_with(Outcome.CANCELLED)(started.cluster, started.job)
    started.look()
    assert KEY not in started.cluster.resources


@pytest.mark.parametrize("policy", ["Wait", "Cancel"])
def test_a_run_between_attempts_holds_nothing_up(started: Story, policy: str) -> None:
    """Nothing works on the database, and nothing will."""
    started.cluster.set_spec(deletionPolicy=policy)
    started.back_off()
    started.cluster.delete()
    started.look()
    assert KEY not in started.cluster.resources
    assert started.cluster.jobs == {}
