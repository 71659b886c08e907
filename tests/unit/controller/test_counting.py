"""A run is counted when its end is stored, by one operator, whoever dies meanwhile."""

import asyncio

import pytest

from meshmigrate.domain.outcome import Outcome
from tests.scripted.faults import CRASH_AFTER, CRASH_BEFORE, LOST, Fault
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import Operator, ends_with, play
from tests.unit.controller.scripted_cluster import Clock, ScriptedCluster, resource_body


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


def all_counted(operators: list[Operator]) -> float:
    """Give the runs that the operators have counted, as a sum over their series does."""
    return sum(
        sample.value
        for operator in operators
        for family in operator.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "meshmigrate_runs_total"
    )


def test_of_two_operators_that_look_in_turn_one_counts() -> None:
    """Whoever has stored the end; the other one sees a run that was counted."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(resource_body())
    operators = [Operator(cluster), Operator(cluster)]
    story = Story(cluster, operators[0])
    for turn in range(12):
        asyncio.run(operators[turn % 2].look())
        if turn == 1:
            cluster.start_pod(story.job)
        if turn == 4:
            ends_with(Outcome.SUCCEEDED)(cluster, story.job)
        if turn == 7:
            cluster.end_job(next(iter(cluster.jobs)))
    assert story.status["phase"] == "Succeeded"
    assert all_counted(operators) == 1


@pytest.mark.parametrize("fault", [CRASH_AFTER, LOST])
def test_an_end_that_was_stored_is_counted_although_its_answer_was_lost(fault: Fault) -> None:
    """By the successor, or by the same operator when it sees the end that it did not hear of."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(resource_body())
    operator = Operator(cluster)
    story = Story(cluster, operator)
    story.look()
    story.run()
    ends_with(Outcome.SUCCEEDED)(cluster, story.job)
    cluster.faults = {len(cluster.calls): fault}
    story.look()
    assert all_counted([operator]) == 1


def test_a_crash_at_any_call_loses_no_count() -> None:
    """At worst one that was counted and not shown as told is counted again."""
    endings = [ends_with(Outcome.UNREACHABLE), ends_with(Outcome.SUCCEEDED)]
    undisturbed = ScriptedCluster(Clock())
    undisturbed.apply(resource_body())
    asyncio.run(play(Operator(undisturbed), list(endings)))
    again = []
    for fault in (CRASH_BEFORE, CRASH_AFTER):
        for number in range(len(undisturbed.calls)):
            cluster = ScriptedCluster(Clock(), faults={number: fault})
            cluster.apply(resource_body())
            operator = Operator(cluster)
            asyncio.run(play(operator, list(endings)))
            assert all_counted([operator]) in {1, 2}
            if all_counted([operator]) == 2:
                again.append(undisturbed.calls[number])
    assert set(again) == {"own job", "create event", "set finalizers"}
