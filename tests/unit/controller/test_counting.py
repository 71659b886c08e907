"""A run is counted exactly when its result is stored."""

from meshmigrate.domain.outcome import Outcome
from tests.scripted.faults import CRASH_BEFORE
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with


def counted(story: Story, outcome: str, reason: str) -> float | None:
    """Give the counter of a run's end."""
    labels = {"namespace": "app", "outcome": outcome, "reason": reason}
    registry = story.operator.metrics.registry
    return registry.get_sample_value("meshmigrate_runs_total", labels)


def test_a_run_is_counted_once(started: Story) -> None:
    """However often it is looked at."""
    ends_with(Outcome.ROLLED_BACK, "CheckFailed")(started.cluster, started.job)
    for _ in range(3):
        started.look()
    assert counted(started, "RolledBack", "CheckFailed") == 1


def test_a_run_whose_result_was_not_stored_is_not_counted(started: Story) -> None:
    """The write failed, so the run has not ended yet; it is counted when the write succeeds."""
    started.cluster.start_pod(started.job)
    started.look()
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.cluster.faults = {len(started.cluster.calls): CRASH_BEFORE}
    started.look()
    assert started.operator.crashes == 1
    assert counted(started, "Succeeded", "Succeeded") == 1
