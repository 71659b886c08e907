"""A suspended resource begins no attempt, and goes on where it was."""

import asyncio
from datetime import timedelta

import pytest

from meshmigrate.controller import names
from meshmigrate.controller.observed import observe_resource
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import KEY

SUSPENDED = {"Ready": "False", "Reconciling": "False", "Stalled": "True", "Succeeded": "Unknown"}


def assert_suspended(story: Story) -> None:
    """Hold a resource to the row of the table of conditions."""
    assert story.status["phase"] == "Suspended"
    assert story.conditions() == SUSPENDED
    assert story.ready()["reason"] == "Suspended"
    assert "spec.suspend" in story.ready()["message"]


def test_a_new_resource_that_is_suspended_waits_and_then_starts(applied: Story) -> None:
    """Nothing is created before it may run; then its first run begins."""
    applied.cluster.set_spec(suspend=True)
    applied.look()
    assert_suspended(applied)
    assert "runNumber" not in applied.status
    assert applied.cluster.created_jobs == []
    assert names.FINALIZER not in applied.cluster.body()["metadata"].get("finalizers", [])
    calls = len(applied.cluster.calls)
    applied.look()
    assert len(applied.cluster.calls) == calls, "looking again costs nothing"
    applied.cluster.set_spec(suspend=False)
    applied.look()
    assert applied.status["runNumber"] == 1
    assert applied.status["phase"] == "Pending"
    assert len(applied.cluster.created_jobs) == 1


def test_suspending_a_resource_at_rest_changes_nothing(started: Story) -> None:
    """There is no attempt to hold back: what is ready stays ready, and no run follows."""
    started.finish()
    before = started.conditions()
    for suspend in (True, False):
        started.cluster.set_spec(suspend=suspend)
        started.look()
        assert started.conditions() == before
        assert (
            started.status["observedGeneration"] == started.cluster.body()["metadata"]["generation"]
        )
    assert started.status["runNumber"] == 1


def test_a_running_attempt_finishes(started: Story) -> None:
    """What works on the database is not disturbed, and its end is the end."""
    started.run()
    started.cluster.set_spec(suspend=True)
    started.look()
    assert started.status["phase"] == "Running"
    started.finish()
    assert started.status["phase"] == "Succeeded"


def test_no_attempt_follows_one_that_backs_off(started: Story) -> None:
    """It waits for as long as it is suspended; the same run goes on at once afterwards."""
    started.run()
    started.cluster.set_spec(suspend=True)
    started.back_off()
    assert_suspended(started)
    started.cluster.clock.pass_time(timedelta(days=1))
    started.look()
    assert_suspended(started)
    assert len(started.cluster.created_jobs) == 1
    started.cluster.set_spec(suspend=False)
    started.look()
    assert started.status["runNumber"] == 1
    assert started.status["currentRun"]["attempt"] == 2
    assert started.status["phase"] == "Pending"
    assert started.conditions()["Stalled"] == "False", "the retry deadline counts anew"


def test_a_back_off_that_is_not_over_is_shown_again(started: Story) -> None:
    """Resumed before the next attempt is due, it says what it backs off from."""
    started.back_off()
    started.cluster.set_spec(suspend=True)
    started.look()
    assert_suspended(started)
    started.cluster.set_spec(suspend=False)
    started.look()
    assert started.status["phase"] == "Pending"
    assert started.ready()["reason"] == "DatabaseUnreachable"
    assert len(started.cluster.created_jobs) == 1


def test_a_job_that_waits_for_its_container_is_called_off(started: Story) -> None:
    """The Secret it waits for may come while nothing shall run; later another attempt follows."""
    started.cluster.waiting_pod(started.job)
    started.look()
    started.cluster.set_spec(suspend=True)
    started.look()
    assert_suspended(started)
    assert started.cluster.jobs == {}
    started.cluster.set_spec(suspend=False)
    started.look()
    assert started.status["currentRun"]["attempt"] == 2
    assert started.status["runNumber"] == 1
    assert started.cluster.created_jobs[-1] == started.job


def test_a_container_that_starts_all_the_same_is_waited_for(started: Story) -> None:
    """It had started before the deletion reached it: the next one comes when it has ended."""
    first = started.job
    pod = started.cluster.waiting_pod(first)
    started.look()
    pod["status"]["containerStatuses"][0]["state"] = {
        "running": {"startedAt": "2026-01-02T03:04:05Z"}
    }
    started.cluster.set_spec(suspend=True)
    started.operator.cache.put_resource(observe_resource(started.cluster.body()))
    asyncio.run(started.operator.reconciler.reconcile(KEY))
    assert_suspended(started)
    started.cluster.set_spec(suspend=False)
    started.look()
    assert started.cluster.created_jobs == [first]
    started.cluster.end_going_pod(first)
    started.look()
    assert started.status["currentRun"]["attempt"] == 2


def test_an_edit_while_suspended_starts_one_run_afterwards(started: Story) -> None:
    """The held run gives way to the edit, which waits in its place."""
    started.back_off()
    started.cluster.set_spec(suspend=True)
    started.look()
    started.cluster.set_spec(target=5)
    started.look()
    assert_suspended(started)
    assert "currentRun" not in started.status
    assert started.status["lastRun"]["outcome"] == "Superseded"
    started.cluster.set_spec(suspend=False)
    started.look()
    assert started.status["runNumber"] == 2
    assert len(started.cluster.created_jobs) == 2


def test_an_edit_taken_back_while_suspended_leaves_what_was(started: Story) -> None:
    """Nothing is wanted any more: the last run is shown again, and none begins."""
    started.finish()
    started.cluster.set_spec(suspend=True, target=5)
    started.look()
    assert_suspended(started)
    started.cluster.set_spec(target="latest")
    started.look()
    assert started.status["phase"] == "Succeeded"
    assert started.conditions()["Ready"] == "True"
    assert started.ready()["reason"] == "Succeeded"
    started.cluster.set_spec(suspend=False)
    started.look()
    assert started.status["runNumber"] == 1


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.ROLLED_BACK])
def test_a_run_that_ends_while_suspended_is_told(started: Story, outcome: Outcome) -> None:
    """A wanted run behind it stays held back."""
    started.run()
    started.cluster.set_spec(suspend=True, target=5)
    started.look()
    ends_with(outcome)(started.cluster, started.job)
    started.look()
    assert started.status["lastRun"]["outcome"] == outcome
    assert_suspended(started)
    events = {event["reason"]: event["type"] for event in started.cluster.told.values()}
    assert events.get("Suspended", "Normal") == "Normal"
