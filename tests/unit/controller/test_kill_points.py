"""A crash before or after any call to the cluster changes nothing about the end."""

import asyncio
from typing import Literal

import pytest

from meshmigrate.controller import names
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import PlanSummary
from tests.scripted.faults import CRASH_AFTER, CRASH_BEFORE, Fault
from tests.unit.controller.driving import Ending, Operator, ends_with, killed, play, vanishes
from tests.unit.controller.scripted_cluster import SPEC, Clock, ScriptedCluster, resource_body

DIGEST = f"sha256:{'0' * 64}"
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


APPROVAL = [
    ends_with(Outcome.AWAITING_APPROVAL, plan=PlanSummary(digest=DIGEST, count=2)),
    ends_with(Outcome.INTERRUPTED, "Terminated"),
    ends_with(Outcome.SUCCEEDED),
]


def run_approval(faults: dict[int, Fault] | None) -> tuple[ScriptedCluster, Operator]:
    """Play a plan that is approved, and the run of it, which takes two attempts."""
    cluster = ScriptedCluster(Clock(), faults=faults)
    spec = {**SPEC, "policy": {**SPEC["policy"], "approval": "Required"}}
    cluster.apply(resource_body(spec=spec))
    operator = Operator(cluster)
    asyncio.run(play(operator, APPROVAL))
    assert cluster.body()["status"]["phase"] == "AwaitingApproval"
    cluster.edit(lambda body: body["spec"].update(approvedPlan=DIGEST))
    asyncio.run(play(operator, APPROVAL))
    return cluster, operator


@pytest.mark.parametrize("fault", [CRASH_BEFORE, CRASH_AFTER])
def test_a_crash_at_any_call_neither_loses_nor_repeats_an_approval(fault: Fault) -> None:
    """One run that plans, one that applies; its second attempt is not asked again."""
    undisturbed, _ = run_approval(None)
    for number in range(len(undisturbed.calls)):
        cluster, operator = run_approval({number: fault})
        assert operator.crashes == 1, f"no crash at call {number}"
        status = cluster.body()["status"]
        assert (status["phase"], status["runNumber"]) == ("Succeeded", 2)
        outcomes = [entry["outcome"] for entry in status["history"]]
        assert outcomes == ["Succeeded", "AwaitingApproval"]
        assert status["lastRun"]["attempts"] == 2
        assert "plan" not in status
        assert len(cluster.created_jobs) == len(set(cluster.created_jobs)) == 3
        told = [event["reason"] for event in cluster.told.values()]
        assert told.count("AwaitingApproval") <= 1


def test_a_successful_migration_costs_at_most_eight_writes() -> None:
    """Status, finalizer, Job, status, status, Job, finalizer: without the events."""
    cluster, _ = run("success", None)
    reads = ("get", "list", "create event")
    writes = [call for call in cluster.calls if not call.startswith(reads)]
    assert len(writes) <= 8, writes
