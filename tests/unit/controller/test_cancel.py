"""A run is cancelled by its id: its runner is stopped, and an attempt takes it back."""

from datetime import timedelta

import pytest

from meshmigrate.controller import names
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import Ending, ends_with, killed, vanishes
from tests.unit.controller.scripted_cluster import make_result

ENDED = {"Ready": "False", "Reconciling": "False", "Stalled": "True", "Succeeded": "False"}


def stop_runner(story: Story, job: str) -> None:
    """Let the runner that was told to stop end in order."""
    message = make_result(str(story.cluster.told_to(job).run.id), Outcome.INTERRUPTED, "Terminated")
    story.cluster.end_going_pod(job, message=message)
    story.look()


def take_back(story: Story, outcome: Outcome = Outcome.CANCELLED) -> None:
    """Let the attempt that takes the run back start and end."""
    job = story.job
    assert story.cluster.told_to(job).run.intent == "undo"
    story.run()
    ends_with(outcome)(story.cluster, job)
    story.look()


def test_a_running_run_is_stopped_and_then_taken_back(started: Story) -> None:
    """One Job after the other: the second begins when nothing of the first is left."""
    first = started.job
    run_id = started.status["currentRun"]["id"]
    started.run()
    started.cancel()
    assert first not in started.cluster.jobs, "the runner is told to stop"
    assert started.status["phase"] == "RollingBack"
    assert started.ready()["reason"] == "Cancelled"
    started.look()
    assert started.cluster.created_jobs == [first], "it has its grace period"
    stop_runner(started, first)
    assert started.status["currentRun"]["attempt"] == 2
    assert started.cluster.told_to(started.job).run.intent == "undo"
    assert str(started.cluster.told_to(started.job).run.id) == run_id
    started.run()
    assert started.status["phase"] == "RollingBack"
    assert started.ready()["reason"] == "RollingBack"
    take_back(started)
    assert started.status["phase"] == "Cancelled"
    assert started.conditions() == ENDED
    assert started.status["lastRun"]["id"] == run_id
    assert started.status["runNumber"] == 1
    events = [event["reason"] for event in started.cluster.told.values()]
    assert "Cancelled" in events


def test_the_id_of_another_run_cancels_nothing(started: Story) -> None:
    """An annotation that is left over from before does not harm the next run."""
    started.run()
    started.cluster.annotate(names.CANCEL_ANNOTATION, "00000000-0000-0000-0000-000000000000")
    started.look()
    assert started.status["phase"] == "Running"
    started.finish()
    assert started.status["phase"] == "Succeeded"


def test_a_run_that_has_ended_is_not_cancelled(started: Story) -> None:
    """What is done is done: another run can go back."""
    run_id = started.status["currentRun"]["id"]
    started.finish()
    started.cluster.annotate(names.CANCEL_ANNOTATION, run_id)
    started.look()
    assert started.status["phase"] == "Succeeded"
    assert "currentRun" not in started.status


def test_a_runner_that_succeeds_while_it_is_stopped_has_succeeded(started: Story) -> None:
    """The cancellation came too late, and what was done is told."""
    first = started.job
    started.run()
    started.cancel()
    ends_with(Outcome.SUCCEEDED)(started.cluster, first)
    started.look()
    assert started.status["phase"] == "Succeeded"
    assert started.cluster.created_jobs == [first]


def test_taking_the_annotation_away_does_not_bring_the_run_back(started: Story) -> None:
    """What was begun is finished: the runner is stopped already."""
    first = started.job
    started.run()
    started.cancel()
    started.cluster.edit(lambda body: body["metadata"]["annotations"].clear())
    stop_runner(started, first)
    take_back(started)
    assert started.status["phase"] == "Cancelled"


def test_a_run_that_has_not_begun_is_closed_without_a_job(started: Story) -> None:
    """Its Secret is missing, so no container has started: there is nothing to take back."""
    job = started.job
    started.cluster.waiting_pod(job)
    started.cluster.clock.pass_time(timedelta(seconds=6))
    said = 'MountVolume.SetUp failed for volume "credentials" : secret "db" not found'
    started.cluster.tell(f"uid-{job}-x", "FailedMount", said)
    started.look()
    started.cancel()
    assert started.status["phase"] == "Cancelled"
    assert "Nothing was applied by it." in started.ready()["message"]
    assert started.cluster.created_jobs == [job]
    assert started.cluster.jobs == {}
    assert started.cluster.body()["metadata"]["finalizers"] == []


def test_the_end_of_a_container_that_never_started_is_none(started: Story) -> None:
    """The kubelet shows one for a pod that is deleted while it waits; still nothing has begun."""
    job = started.job
    started.cluster.slow_kubelet = True
    started.cluster.waiting_pod(job, "ErrImagePull", "manifest unknown")
    started.look()
    started.cancel()
    assert started.ready()["reason"] == "Cancelled"
    assert started.status["phase"] == "Pending", "its pod is still there"
    pod = started.cluster.pods[f"{job}-x"]
    unknown = {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": None}
    pod["status"]["phase"] = "Failed"
    pod["status"]["containerStatuses"][0]["state"] = {"terminated": unknown}
    started.look()
    assert started.status["phase"] == "Cancelled"
    assert started.cluster.created_jobs == [job]


def test_a_job_that_is_refused_is_closed_without_a_job(applied: Story) -> None:
    """There never was one."""
    applied.cluster.refuse_jobs = "exceeded quota"
    applied.look()
    applied.cancel()
    assert applied.status["phase"] == "Cancelled"
    assert applied.cluster.created_jobs == []


def test_a_container_that_may_start_any_moment_counts_as_started(started: Story) -> None:
    """Between the look and the deletion it may have begun: the database is asked."""
    first = started.job
    started.cluster.waiting_pod(first)
    started.cancel()
    assert started.status["currentRun"]["attempt"] == 2
    assert started.cluster.told_to(started.job).run.intent == "undo"
    take_back(started)
    assert started.status["phase"] == "Cancelled"


def test_a_run_in_back_off_is_taken_back_at_once(started: Story) -> None:
    """Nobody waits for the end of a back-off to have a run cancelled."""
    started.back_off()
    started.cancel()
    assert started.status["currentRun"]["attempt"] == 2
    assert len(started.cluster.created_jobs) == 2
    take_back(started)
    assert started.status["phase"] == "Cancelled"


def test_a_run_that_only_plans_is_stopped_and_closed(applied: Story) -> None:
    """A plan changes nothing, so nothing is taken back."""
    applied.cluster.set_spec(mode="Plan")
    applied.look()
    job = applied.job
    applied.run()
    applied.cancel()
    assert job not in applied.cluster.jobs
    stop_runner(applied, job)
    assert applied.status["phase"] == "Cancelled"
    assert applied.cluster.created_jobs == [job]


@pytest.mark.parametrize("loss", [killed, vanishes], ids=["killed", "gone"])
def test_a_runner_that_is_lost_while_it_is_stopped_is_taken_back(
    started: Story, loss: Ending
) -> None:
    """How it ended makes no difference to what follows."""
    first = started.job
    started.run()
    started.cancel()
    loss(started.cluster, first)
    started.look()
    take_back(started)
    assert started.status["phase"] == "Cancelled"


def test_a_run_that_is_cancelled_twice_is_taken_back_once(started: Story) -> None:
    """The same id again says nothing new."""
    first = started.job
    started.run()
    started.cancel()
    stop_runner(started, first)
    started.run()
    started.cluster.annotate("example.org/again", "1")
    started.cancel()
    assert started.status["currentRun"]["attempt"] == 2
    take_back(started)
    assert len(started.cluster.created_jobs) == 2


def test_an_undo_that_is_interrupted_is_finished_by_the_next_attempt(started: Story) -> None:
    """Every attempt after the cancellation takes the run back."""
    first = started.job
    started.run()
    started.cancel()
    stop_runner(started, first)
    started.run()
    started.back_off("ConnectionLost")
    started.cluster.clock.pass_time(timedelta(minutes=5))
    started.look()
    assert started.status["currentRun"]["attempt"] == 3
    take_back(started)
    assert started.status["phase"] == "Cancelled"
    assert started.status["lastRun"]["attempts"] == 3


def test_an_undo_that_fails_is_told_as_that(started: Story) -> None:
    """RollbackFailed is what it is, whoever asked for the way back."""
    first = started.job
    started.run()
    started.cancel()
    stop_runner(started, first)
    take_back(started, Outcome.ROLLBACK_FAILED)
    assert started.status["phase"] == "RollbackFailed"


def test_a_run_that_another_one_ended_is_not_begun_anew(started: Story) -> None:
    """It was to be taken back; that what it applied stays is said, and nothing follows."""
    first = started.job
    started.run()
    started.cancel()
    stop_runner(started, first)
    second = started.job
    ends_with(Outcome.INTERRUPTED, "Abandoned")(started.cluster, second)
    started.cluster.end_job(second)
    started.look()
    assert started.status["phase"] == "Halted"
    assert started.ready()["reason"] == "Abandoned"
    assert "currentRun" not in started.status


def test_a_suspended_resource_stops_the_runner_and_takes_back_later(started: Story) -> None:
    """To stop is no attempt; to take back is one."""
    first = started.job
    started.run()
    started.cluster.set_spec(suspend=True)
    started.cancel()
    stop_runner(started, first)
    assert started.status["phase"] == "Suspended"
    assert started.cluster.created_jobs == [first]
    started.cluster.set_spec(suspend=False)
    started.look()
    take_back(started)
    assert started.status["phase"] == "Cancelled"


def test_an_edit_waits_until_the_run_is_taken_back(started: Story) -> None:
    """The undo works with the run's own spec; the new run begins on what was before."""
    first = started.job
    started.run()
    started.cancel()
    other = {"url": {"secretKeyRef": {"name": "other", "key": "URL"}}}
    started.cluster.set_spec(database=other)
    stop_runner(started, first)
    undo = started.cluster.jobs[started.job]["spec"]["template"]["spec"]
    assert undo["volumes"][1]["secret"]["secretName"] == "db"
    assert started.status["runNumber"] == 1
    take_back(started)
    assert started.status["lastRun"]["outcome"] == "Cancelled"
    assert started.status["runNumber"] == 2


def test_an_edit_supersedes_an_undo_that_has_long_been_impossible(started: Story) -> None:
    """Past the retry deadline it may be the edit that helps."""
    first = started.job
    started.run()
    started.cancel()
    stop_runner(started, first)
    started.back_off()
    started.cluster.set_spec(target=5)
    started.look()
    assert started.status["runNumber"] == 1
    started.cluster.clock.pass_time(timedelta(hours=2))
    started.look()
    assert started.status["runNumber"] == 2
    assert started.status["lastRun"]["outcome"] == "Superseded"
