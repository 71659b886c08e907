"""Whatever becomes of any one call to the cluster changes nothing about the end."""

from collections import Counter
from typing import Final

import pytest

from tests.scripted.faults import (
    CONFLICT,
    CRASH_AFTER,
    CRASH_BEFORE,
    DONE_AND_FAILED,
    GONE,
    LOST,
    REFUSED,
    SERVER_ERROR,
    TOO_MANY,
    Fault,
)
from tests.unit.controller.driving import Operator
from tests.unit.controller.scenarios import SCENARIOS, make_cluster, play_scenario
from tests.unit.controller.scripted_cluster import ScriptedCluster

TRIES: Final = 4
"""So often the adapter itself sends a request, before the queue takes over."""


def run(name: str, faults: dict[int, Fault] | None) -> tuple[ScriptedCluster, Operator]:
    """Play a scenario to its end."""
    operator = Operator(make_cluster(name, faults), channels=SCENARIOS[name].channels)
    play_scenario(name, operator, [operator])
    return operator.cluster, operator


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_ends_as_expected_without_a_crash(scenario: str) -> None:
    """Each scenario has its end, one Job per attempt, and leaves no finalizer."""
    run(scenario, None)


FAULTS: dict[str, list[Fault]] = {
    "crash before": [CRASH_BEFORE],
    "crash after": [CRASH_AFTER],
    "refused, again and again": [REFUSED] * TRIES,
    "lost": [LOST],
    "lost again and again": [LOST] * TRIES,
    "too many requests, again and again": [TOO_MANY] * TRIES,
    "server error, again and again": [SERVER_ERROR] * TRIES,
    "done, and a server error": [DONE_AND_FAILED],
    "conflict": [CONFLICT],
    "gone": [GONE],
}
"""What becomes of a call, and of the tries that follow it at once."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_fault_at_any_call_leads_to_the_same_end(scenario: str, fault: str) -> None:
    """Whatever becomes of a call, the operator or the next one brings the run to the same end."""
    undisturbed, _ = run(scenario, None)
    for number in range(len(undisturbed.calls)):
        faults = dict(enumerate(FAULTS[fault], start=number))
        cluster, operator = run(scenario, faults)
        assert operator.crashes == FAULTS[fault][0].crash, f"at call {number}"
        assert told(cluster) >= told(undisturbed), f"at call {number}"


def told(cluster: ScriptedCluster) -> Counter[str]:
    """Give the events of runs and how many there are; who waits for whom a fault may change."""
    reasons = Counter(str(event["reason"]) for event in cluster.told.values())
    del reasons["Queued"]
    return reasons


def test_a_crash_repeats_no_question() -> None:
    """Whoever is to approve a plan is asked once, whenever the operator dies, and told all."""
    undisturbed, _ = run("approval", None)
    for number in range(len(undisturbed.calls)):
        for fault in (CRASH_BEFORE, CRASH_AFTER):
            cluster, _ = run("approval", {number: fault})
            assert told(cluster) == told(undisturbed)


def test_a_successful_migration_costs_at_most_eight_writes() -> None:
    """Status, finalizer, Job, status, status, Job, finalizer: without the events."""
    cluster, _ = run("success", None)
    reads = ("get", "list", "create event")
    writes = [call for call in cluster.calls if not call.startswith(reads)]
    assert len(writes) <= 8, writes
