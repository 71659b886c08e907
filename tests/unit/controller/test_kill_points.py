"""A crash before or after any call to the cluster changes nothing about the end."""

import asyncio
from typing import Literal

import pytest

from meshmigrate.controller import names
from meshmigrate.domain.outcome import Outcome
from tests.scripted.faults import CRASH_AFTER, CRASH_BEFORE, Fault
from tests.unit.controller.driving import Ending, Operator, ends_with, killed, play, vanishes
from tests.unit.controller.scripted_cluster import Clock, ScriptedCluster, resource_body

SCENARIOS: dict[str, tuple[list[Ending], str, str, int]] = {
    "success": ([ends_with(Outcome.SUCCEEDED)], "Succeeded", "Succeeded", 1),
    "failure": ([ends_with(Outcome.ROLLED_BACK, "CheckFailed")], "RolledBack", "CheckFailed", 1),
    "lost pod": ([killed, ends_with(Outcome.SUCCEEDED)], "Succeeded", "Succeeded", 2),
    "vanished pod": ([vanishes, ends_with(Outcome.SUCCEEDED)], "Succeeded", "Succeeded", 2),
    "retry": (
        [ends_with(Outcome.UNREACHABLE, "DatabaseUnreachable"), ends_with(Outcome.SUCCEEDED)],
        "Succeeded",
        "Succeeded",
        2,
    ),
}


def run(scenario: str, faults: dict[int, Fault] | None) -> tuple[ScriptedCluster, Operator]:
    """Play a scenario to its end."""
    cluster = ScriptedCluster(Clock(), faults=faults)
    cluster.apply(resource_body())
    operator = Operator(cluster)
    asyncio.run(play(operator, SCENARIOS[scenario][0]))
    return cluster, operator


def assert_ended(cluster: ScriptedCluster, scenario: str) -> None:
    """Hold a cluster to the end of its scenario."""
    _, phase, reason, jobs = SCENARIOS[scenario]
    status = cluster.body()["status"]
    assert status["phase"] == phase
    assert "currentRun" not in status
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == reason
    assert status["runNumber"] == 1
    assert status["lastRun"]["attempts"] == jobs
    assert len(cluster.created_jobs) == len(set(cluster.created_jobs)) == jobs
    assert names.FINALIZER not in cluster.body()["metadata"]["finalizers"]
    owners = [job["metadata"].get("ownerReferences") for job in cluster.jobs.values()]
    assert all(owners)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_ends_as_expected_without_a_crash(scenario: str) -> None:
    """Each scenario has its end, one Job per attempt, and leaves no finalizer."""
    cluster, _ = run(scenario, None)
    assert_ended(cluster, scenario)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_crash_at_any_call_leads_to_the_same_end(
    scenario: str, where: Literal["before", "after"]
) -> None:
    """Whatever call an operator dies at, the next one brings the run to the same end."""
    undisturbed, _ = run(scenario, None)
    for number in range(len(undisturbed.calls)):
        cluster, operator = run(
            scenario, {number: CRASH_BEFORE if where == "before" else CRASH_AFTER}
        )
        assert operator.crashes == 1, f"no crash at call {number}"
        assert_ended(cluster, scenario)


def test_a_successful_migration_costs_at_most_eight_writes() -> None:
    """Status, finalizer, Job, status, status, Job, finalizer: without the events."""
    cluster, _ = run("success", None)
    reads = ("get", "list", "create event")
    writes = [call for call in cluster.calls if not call.startswith(reads)]
    assert len(writes) <= 8, writes
