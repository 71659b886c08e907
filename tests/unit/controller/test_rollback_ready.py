"""The condition RollbackReady: of the latest run, as its runner knew it before it began."""

from datetime import timedelta
from typing import Any

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import RollbackReady
from meshmigrate.domain.way_back import Way
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with, killed
from tests.unit.controller.scripted_cluster import make_result

NO_SCRIPT = RollbackReady(ready=False, reason="NoScript", message="version 2: it has no script")


def rollback_ready(story: Story) -> dict[str, Any] | None:
    """Give the condition, if there is one."""
    conditions = story.status["conditions"]
    return next((each for each in conditions if each["type"] == "RollbackReady"), None)


def end(story: Story, outcome: Outcome, told: RollbackReady | None) -> None:
    """Let the attempt end, its Job with it; the runner tells of the way back what it knew."""
    run_id = story.status["currentRun"]["id"]
    message = make_result(run_id, outcome, "StatementFailed", rollback_ready=told)
    story.cluster.end_pod(story.job, exit_code=outcome.exit_code, message=message)
    story.cluster.end_job(story.job)
    story.look()


def run_again(story: Story) -> None:
    """Ask for another run."""
    annotations = {"migrations.meshhook.dev/run-requested-at": str(story.cluster.clock.now)}
    story.cluster.edit(lambda body: body["metadata"].update(annotations=annotations))
    story.look()


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.HALTED])
def test_it_says_what_the_runner_knew(started: Story, way: Way, outcome: Outcome) -> None:
    """With its reason and message, however the run ended."""
    end(started, outcome, RollbackReady(ready=way.ready, reason=way, message="why so"))
    found = rollback_ready(started)
    assert found is not None
    assert found["status"] == ("True" if way.ready else "False")
    assert (found["reason"], found["message"], found["observedGeneration"]) == (way, "why so", 1)
    assert len(started.status["conditions"]) == 5


def test_it_is_absent_until_a_runner_has_told(started: Story) -> None:
    """Not Unknown with a reason that nobody documents; a refusal may come before it is known."""
    assert rollback_ready(started) is None
    ends_with(Outcome.REFUSED, "SyntaxError")(started.cluster, started.job)
    started.look()
    assert rollback_ready(started) is None


def test_it_outlives_the_attempts_of_its_run(started: Story) -> None:
    """An attempt that is lost, or that only finishes the way back, tells nothing new."""
    end(started, Outcome.INTERRUPTED, NO_SCRIPT)
    told = rollback_ready(started)
    assert told is not None
    started.cluster.clock.pass_time(timedelta(minutes=1))
    started.look()
    killed(started.cluster, started.job)
    started.cluster.end_job(started.job)
    started.look()
    assert rollback_ready(started) == told
    end(started, Outcome.ROLLED_BACK, None)
    assert rollback_ready(started) == told


def test_the_next_run_begins_without_it(started: Story) -> None:
    """What was true of one run says nothing of the next; nothing to do, nothing to take back."""
    end(started, Outcome.HALTED, NO_SCRIPT)
    assert rollback_ready(started) is not None
    run_again(started)
    assert rollback_ready(started) is None
    ends_with(Outcome.UP_TO_DATE)(started.cluster, started.job)
    started.look()
    assert rollback_ready(started) is None
