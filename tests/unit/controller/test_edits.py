"""An edit during a run: what the run in flight keeps, and what its successor is told."""

import asyncio
import copy
from datetime import timedelta

from meshmigrate.controller import names
from meshmigrate.controller.observed import observe_resource
from meshmigrate.domain.outcome import Outcome
from tests.scripted.kinds import RESOURCES
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with, killed
from tests.unit.controller.scripted_cluster import KEY


def secret_of(story: Story) -> str:
    """Give the Secret that the Job of the attempt in flight uses."""
    volumes = story.cluster.jobs[story.job]["spec"]["template"]["spec"]["volumes"]
    sources = next(v["projected"]["sources"] for v in volumes if v["name"] == "credentials")
    return str(sources[0]["secret"]["name"])


def test_later_attempts_work_with_the_spec_of_the_run(started: Story) -> None:
    """An edit that starts no run, and a default that changed its form, are for the next run."""
    started.back_off()
    started.cluster.set_spec(provenance={"commit": "new", "actor": "ann"})
    started.cluster.clock.pass_time(timedelta(minutes=1))
    started.look()
    assert started.status["currentRun"]["attempt"] == 2
    assert started.cluster.told_to(started.job).provenance.commit == ""


def test_a_run_of_an_older_release_goes_on_with_the_resource_as_it_is(started: Story) -> None:
    """It kept no copy of its spec."""
    del started.status["currentRun"]["spec"]
    started.back_off()
    started.cluster.clock.pass_time(timedelta(minutes=1))
    started.look()
    assert secret_of(started) == "db"
    started.finish()
    assert started.status["phase"] == "Succeeded"


def test_a_spec_that_is_not_understood_lets_the_run_go_on(started: Story) -> None:
    """Lost runners are followed by others as ever; then the spec is refused."""
    started.run()
    started.cluster.set_spec(ofTheNextRelease=True)
    killed(started.cluster, started.job)
    started.look()
    started.cluster.end_job(started.job)
    started.look()
    assert started.status["currentRun"]["attempt"] == 2
    assert secret_of(started) == "db"
    started.finish()
    assert started.status["lastRun"]["outcome"] == "Succeeded"
    assert started.status["phase"] == "Refused"
    assert started.ready()["reason"] == "InvalidSpec"
    assert "ofTheNextRelease" in started.ready()["message"]


def test_a_default_of_a_newer_definition_is_no_edit(started: Story) -> None:
    """The definition is upgraded before the operator: meanwhile nothing is refused or written."""
    started.run()
    add_default(started)
    started.finish()
    assert started.status["phase"] == "Succeeded"
    calls = list(started.cluster.calls)
    started.look()
    assert started.cluster.calls == calls
    started.cluster.annotate(names.RUN_REQUEST_ANNOTATION, "2026-01-02T04:00:00Z")
    started.look()
    assert started.ready()["reason"] == "InvalidSpec"


def add_default(story: Story) -> None:
    """Let the API server read a field into the spec that nobody has written."""
    body = story.cluster.body()
    before = copy.deepcopy(body)
    body["spec"]["ofTheNextRelease"] = False
    story.cluster.api.put(RESOURCES, body, before)


def test_a_spec_that_is_understood_again_shows_how_the_last_run_ended(started: Story) -> None:
    """Put back as it was, it wants no run, and is no longer refused."""
    started.finish()
    before = copy.deepcopy(started.cluster.body()["spec"])
    started.cluster.set_spec(ofTheNextRelease=True)
    started.look()
    assert started.ready()["reason"] == "InvalidSpec"
    started.cluster.edit(lambda body: body.update(spec=before))
    started.look()
    assert started.status["phase"] == "Succeeded"
    assert started.conditions()["Ready"] == "True"
    assert started.status["runNumber"] == 1


def test_a_run_that_cannot_read_its_own_spec_waits_for_its_end(started: Story) -> None:
    """A newer release began it: this one starts no attempt, and stores the end."""
    started.status["currentRun"]["spec"] = {"ofTheNextRelease": True}
    started.run()
    killed(started.cluster, started.job)
    started.look()
    started.cluster.end_job(started.job)
    started.look()
    assert started.cluster.created_jobs == [started.job]
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    assert started.status["phase"] == "Succeeded"


def test_a_successor_may_take_over_from_a_lost_runner(started: Story) -> None:
    """It is told which run it supersedes, and so is every attempt of it."""
    first, job = started.status["currentRun"]["id"], started.job
    started.run()
    killed(started.cluster, job)
    started.cluster.set_spec(target=5)
    started.look()
    started.cluster.end_job(job)
    started.look()
    assert started.status["runNumber"] == 2
    assert str(started.cluster.told_to(started.job).supersedes) == first
    started.back_off()
    started.cluster.clock.pass_time(timedelta(minutes=1))
    started.look()
    assert started.status["currentRun"]["attempt"] == 2
    assert str(started.cluster.told_to(started.job).supersedes) == first


def test_a_run_that_never_began_leaves_nothing_to_take_over(started: Story) -> None:
    """Its successor is told of the run before it."""
    first = started.status["currentRun"]["id"]
    started.back_off()
    started.cluster.set_spec(target=5)
    started.look()
    second = started.job
    started.cluster.waiting_pod(second)
    started.cluster.set_spec(target=6)
    started.look()
    assert started.status["runNumber"] == 3
    assert str(started.cluster.told_to(started.job).supersedes) == first


def test_the_first_run_supersedes_none(started: Story) -> None:
    """There was nobody before it."""
    assert started.cluster.told_to(started.job).supersedes is None


def test_a_job_that_waits_for_long_is_replaced(started: Story) -> None:
    """Its time runs while it waits: the runner shall have all of it, and the same run goes on."""
    first = started.job
    started.cluster.waiting_pod(first)
    started.look()
    started.cluster.clock.pass_time(timedelta(minutes=29))
    started.look()
    assert started.cluster.created_jobs == [first]
    started.cluster.clock.pass_time(timedelta(minutes=1))
    started.look()
    assert started.status["currentRun"]["attempt"] == 2
    assert list(started.cluster.jobs) == [started.job]
    started.finish()
    assert started.status["phase"] == "Succeeded"
    assert started.status["runNumber"] == 1


def test_a_successor_waits_for_a_container_that_started_unseen(started: Story) -> None:
    """The edit found it waiting; it gets its grace period before the next one begins."""
    first = started.job
    pod = started.cluster.waiting_pod(first)
    started.look()
    running = {"running": {"startedAt": "2026-01-02T03:04:05Z"}}
    pod["status"]["containerStatuses"][0]["state"] = running
    started.cluster.set_spec(target=5)
    started.operator.cache.put_resource(observe_resource(started.cluster.body()))
    asyncio.run(started.operator.reconciler.reconcile(KEY))
    assert started.status["runNumber"] == 2
    started.look()
    assert started.cluster.created_jobs == [first]
    started.cluster.end_going_pod(first)
    started.look()
    assert started.cluster.created_jobs == [first, started.job]
