"""Pods and Jobs that end without saying how: the next attempt asks the database."""

from datetime import timedelta

import pytest

from meshmigrate.controller.clock import format_time
from meshmigrate.controller.observed import ObservedResource
from meshmigrate.controller.port import Conflict
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import KEY


def test_a_pod_that_does_not_go_is_given_up(started: Story) -> None:
    """Half a minute after its grace period a pod counts as lost, its Job is deleted."""
    first = started.job
    pod = started.cluster.start_pod(first)
    started.look()
    pod["metadata"]["deletionTimestamp"] = format_time(started.cluster.clock())
    started.look()
    assert started.status["phase"] == "Running"
    started.cluster.clock.pass_time(timedelta(seconds=31))
    started.look()
    assert started.ready()["reason"] == "RunnerLost"
    started.cluster.clock.pass_time(timedelta(seconds=11))
    started.look()
    assert first not in started.cluster.jobs
    assert started.status["currentRun"]["attempt"] == 2


@pytest.mark.parametrize("exit_code", [137, 143, 139])
def test_a_killed_container_is_no_failure_but_a_new_attempt(started: Story, exit_code: int) -> None:
    """A signal ended it: the next attempt asks the database what happened."""
    started.cluster.end_pod(started.job, exit_code=exit_code)
    started.look()
    assert started.status["currentRun"]["lastAttempt"]["reason"] == "RunnerLost"
    assert len(started.cluster.created_jobs) == 1, "the old Job is not over yet"
    started.cluster.end_job(started.job)
    started.look()
    assert started.status["currentRun"]["attempt"] == 2
    assert len(started.cluster.created_jobs) == 2


def test_what_kept_the_program_from_starting_is_told(started: Story) -> None:
    """A wrong image ends without a result, and the kubelet's text is the only cause there is."""
    cause = b'exec: "meshmigrate": executable file not found in $PATH'
    started.cluster.end_pod(started.job, exit_code=128, message=cause)
    started.look()
    assert cause.decode() in started.ready()["message"]


def test_an_end_whose_answer_was_lost_is_counted_all_the_same(
    started: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write had been done: the conflict is with ourselves."""
    write_status = started.cluster.write_status

    async def losing(resource: ObservedResource, status: Status) -> ObservedResource:
        written = await write_status(resource, status)
        if status.phase == "Succeeded":
            raise Conflict("the answer was lost, and the second try met the first")
        return written

    monkeypatch.setattr(started.cluster, "write_status", losing)
    started.finish()
    count = started.operator.metrics.registry.get_sample_value(
        "meshmigrate_runs_total",
        {"namespace": KEY.namespace, "outcome": "Succeeded", "reason": "Succeeded"},
    )
    assert count == 1


def test_an_evicted_pod_is_a_lost_runner(started: Story) -> None:
    """A pod that the kubelet failed as a whole leaves no result either."""
    pod = started.cluster.start_pod(started.job)
    started.look()
    pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    started.look()
    assert started.ready()["reason"] == "RunnerLost"
    assert "Evicted: low on memory" in started.ready()["message"]


def test_a_job_that_ends_without_a_container_is_tried_again(started: Story) -> None:
    """A Job past its deadline that never started lost no runner: it backs off."""
    started.cluster.end_job(started.job, message="Job was active longer than specified deadline")
    started.look()
    assert started.ready()["reason"] == "PodNotStarted"
    assert "active longer" in started.ready()["message"]
    started.cluster.clock.pass_time(timedelta(seconds=7))
    started.look()
    assert len(started.cluster.created_jobs) == 2
    assert "lostPods" not in started.status["currentRun"]


def test_a_run_that_another_one_closed_is_begun_anew(started: Story) -> None:
    """Its id has a stored end and would give that for ever: the work gets a new number."""
    ends_with(Outcome.INTERRUPTED, "Abandoned")(started.cluster, started.job)
    started.cluster.end_job(started.job)
    started.look()
    assert started.status["runNumber"] == 2
    assert started.status["history"][0]["outcome"] == "Superseded"
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    assert started.status["phase"] == "Succeeded"
