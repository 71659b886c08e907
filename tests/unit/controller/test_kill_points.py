"""Whatever becomes of any one call to the cluster changes nothing about the end."""

import asyncio
import copy
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from meshmigrate.controller import names
from meshmigrate.controller.observed import Json, Key
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import PlanSummary
from tests.scripted.faults import (
    CONFLICT,
    CRASH_AFTER,
    CRASH_BEFORE,
    DONE_AND_FAILED,
    LOST,
    REFUSED,
    SERVER_ERROR,
    TOO_MANY,
    Fault,
)
from tests.unit.controller.driving import (
    Deed,
    Ending,
    Operator,
    ends_with,
    killed,
    play,
    vanishes,
)
from tests.unit.controller.scripted_cluster import (
    KEY,
    OTHER_KEY,
    SPEC,
    Clock,
    ScriptedCluster,
    other_body,
    resource_body,
)

DIGEST = f"sha256:{'0' * 64}"
SUCCEEDS = ends_with(Outcome.SUCCEEDED)
UNREACHABLE = ends_with(Outcome.UNREACHABLE, "DatabaseUnreachable")
INTERRUPTED = ends_with(Outcome.INTERRUPTED, "Terminated")
TRIES: Final = 4
"""So often the adapter itself sends a request, before the queue takes over."""


@dataclass(frozen=True)
class End:
    """How a resource is at the end; None for one that is gone."""

    phase: str = "Succeeded"
    reason: str = "Succeeded"
    attempts: int = 1
    runs: int = 1
    history: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """What happens to resources, and how they end: one Job for each ending."""

    endings: list[Ending]
    ends: dict[Key, End | None]
    deeds: tuple[Deed, ...] = ()
    bodies: tuple[Json, ...] = field(default_factory=lambda: (resource_body(),))
    refused: str = ""


def at_work(cluster: ScriptedCluster) -> bool:
    """Say whether a container runs, and the operator has seen it."""
    states = (pod["status"]["containerStatuses"][0]["state"] for pod in cluster.pods.values())
    return any("running" in state for state in states) and phase_of(cluster) == "Running"


def between_attempts(cluster: ScriptedCluster) -> bool:
    """Say whether the run waits for its next attempt."""
    run = cluster.body()["status"].get("currentRun", {})
    return "lastAttempt" in run and run["lastAttempt"]["attempt"] == run["attempt"]


def phase_of(cluster: ScriptedCluster) -> str:
    """Give the phase of the first resource."""
    return str(cluster.body()["status"]["phase"])


def in_phase(phase: str) -> Callable[[ScriptedCluster], bool]:
    """Say whether the first resource is in a phase."""
    return lambda cluster: phase_of(cluster) == phase


def cancel(cluster: ScriptedCluster) -> None:
    """Cancel the run in flight."""
    run = cluster.body()["status"]["currentRun"]
    cluster.annotate(names.CANCEL_ANNOTATION, run["id"])


def edit(**spec: Any) -> Callable[[ScriptedCluster], None]:
    """Edit the spec of the first resource."""
    return lambda cluster: cluster.set_spec(**spec)


def delete(cluster: ScriptedCluster) -> None:
    """Delete the first resource."""
    cluster.delete()


def request_run(cluster: ScriptedCluster) -> None:
    """Ask for another run of the same spec."""
    cluster.annotate(names.RUN_REQUEST_ANNOTATION, "2026-01-02T04:00:00Z")


def starting(cluster: ScriptedCluster) -> bool:
    """Say whether there is a Job without a pod."""
    return bool(cluster.jobs) and not cluster.pods


def cancelled_body() -> Json:
    """Give a resource whose deletion stops its runner."""
    body = resource_body()
    body["spec"]["deletionPolicy"] = "Cancel"
    return body


SCENARIOS: dict[str, Scenario] = {
    "success": Scenario([SUCCEEDS], {KEY: End()}),
    "failure": Scenario(
        [ends_with(Outcome.ROLLED_BACK, "CheckFailed")], {KEY: End("RolledBack", "CheckFailed")}
    ),
    "lost pod": Scenario([killed, SUCCEEDS], {KEY: End(attempts=2)}),
    "vanished pod": Scenario([vanishes, SUCCEEDS], {KEY: End(attempts=2)}),
    "retry": Scenario([UNREACHABLE, SUCCEEDS], {KEY: End(attempts=2)}),
    "cancelled at work": Scenario(
        [INTERRUPTED, ends_with(Outcome.CANCELLED, "Cancelled")],
        {KEY: End("Cancelled", "Cancelled", attempts=2)},
        (Deed(at_work, cancel),),
    ),
    "cancelled between attempts": Scenario(
        [UNREACHABLE, ends_with(Outcome.CANCELLED, "Cancelled")],
        {KEY: End("Cancelled", "Cancelled", attempts=2)},
        (Deed(between_attempts, cancel),),
    ),
    "cancelled while it starts": Scenario(
        [INTERRUPTED, ends_with(Outcome.CANCELLED, "Cancelled")],
        {KEY: End("Cancelled", "Cancelled", attempts=2)},
        (Deed(starting, cancel),),
    ),
    "cancelled before it began": Scenario(
        [], {KEY: End("Cancelled", "Cancelled")}, (Deed(lambda _: True, cancel),), refused="quota"
    ),
    "suspended between attempts": Scenario(
        [UNREACHABLE, SUCCEEDS],
        {KEY: End(attempts=2)},
        (
            Deed(between_attempts, edit(suspend=True)),
            Deed(in_phase("Suspended"), edit(suspend=False)),
        ),
    ),
    "suspended while it starts": Scenario(
        [INTERRUPTED, SUCCEEDS],
        {KEY: End(attempts=2)},
        (Deed(starting, edit(suspend=True)), Deed(in_phase("Suspended"), edit(suspend=False))),
    ),
    "edited at work": Scenario(
        [SUCCEEDS, SUCCEEDS],
        {KEY: End(runs=2, history=("Succeeded", "Succeeded"))},
        (Deed(at_work, edit(target=5)),),
    ),
    "edited between attempts": Scenario(
        [UNREACHABLE, SUCCEEDS],
        {KEY: End(runs=2, history=("Succeeded", "Superseded"))},
        (Deed(between_attempts, edit(target=5)),),
    ),
    "edited while it starts": Scenario(
        [SUCCEEDS, SUCCEEDS],
        {KEY: End(runs=2, history=("Succeeded", "Superseded"))},
        (Deed(starting, edit(target=5)),),
    ),
    "requested again": Scenario(
        [SUCCEEDS, ends_with(Outcome.UP_TO_DATE)],
        {KEY: End(reason="UpToDate", runs=2, history=("UpToDate", "Succeeded"))},
        (Deed(in_phase("Succeeded"), request_run),),
    ),
    "deleted at work": Scenario([SUCCEEDS], {KEY: None}, (Deed(at_work, delete),)),
    "deleted at work, with Cancel": Scenario(
        [SUCCEEDS], {KEY: None}, (Deed(at_work, delete),), (cancelled_body(),)
    ),
    "deleted between attempts": Scenario(
        [UNREACHABLE], {KEY: None}, (Deed(between_attempts, delete),)
    ),
    "two on one database": Scenario(
        [SUCCEEDS, SUCCEEDS],
        {KEY: End(), OTHER_KEY: End()},
        bodies=(resource_body(), other_body()),
    ),
    "two on one database, one backs off": Scenario(
        [UNREACHABLE, SUCCEEDS, SUCCEEDS],
        {KEY: End(), OTHER_KEY: End(attempts=2)},
        bodies=(resource_body(), other_body()),
    ),
}


def run(name: str, faults: dict[int, Fault] | None) -> tuple[ScriptedCluster, Operator]:
    """Play a scenario to its end."""
    scenario = SCENARIOS[name]
    cluster = ScriptedCluster(Clock(), faults=faults)
    cluster.refuse_jobs = scenario.refused
    for body in scenario.bodies:
        cluster.apply(copy_of(body))
    operator = Operator(cluster)
    asyncio.run(play(operator, scenario.endings, scenario.deeds))
    return cluster, operator


def copy_of(body: Json) -> Json:
    """Give a resource of its own to every play."""
    return copy.deepcopy(body)


def assert_ended(cluster: ScriptedCluster, name: str) -> None:
    """Hold a cluster to the end of its scenario."""
    scenario = SCENARIOS[name]
    # Which of two on one database goes first, a fault may change: attempts are counted in all.
    ended = [cluster.body(key)["status"]["lastRun"] for key, end in scenario.ends.items() if end]
    attempts = [end.attempts for end in scenario.ends.values() if end]
    assert sorted(last["attempts"] for last in ended) == sorted(attempts)
    for key, end in scenario.ends.items():
        if end is None:
            assert key not in cluster.resources
            assert cluster.jobs == {}
        else:
            assert_at(cluster.body(key), end)
    assert len(cluster.created_jobs) == len(set(cluster.created_jobs)) == len(scenario.endings)
    assert cluster.most_at_work == min(len(scenario.endings), 1)
    owners = [job["metadata"].get("ownerReferences") for job in cluster.jobs.values()]
    assert all(owners)


def assert_at(body: Json, end: End) -> None:
    """Hold a resource to its end."""
    status = body["status"]
    assert status["phase"] == end.phase
    assert "currentRun" not in status
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == end.reason
    assert status["runNumber"] == end.runs
    if end.history:
        assert tuple(entry["outcome"] for entry in status["history"]) == end.history
    assert names.FINALIZER not in body["metadata"].get("finalizers", [])


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_ends_as_expected_without_a_crash(scenario: str) -> None:
    """Each scenario has its end, one Job per attempt, and leaves no finalizer."""
    cluster, _ = run(scenario, None)
    assert_ended(cluster, scenario)


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
        assert_ended(cluster, scenario)
        assert told(cluster) >= told(undisturbed), f"at call {number}"


def told(cluster: ScriptedCluster) -> Counter[str]:
    """Give the events of runs and how many there are; who waits for whom a fault may change."""
    reasons = Counter(str(event["reason"]) for event in cluster.told.values())
    del reasons["Queued"]
    return reasons


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
        assert told(cluster) == told(undisturbed)


def test_a_successful_migration_costs_at_most_eight_writes() -> None:
    """Status, finalizer, Job, status, status, Job, finalizer: without the events."""
    cluster, _ = run("success", None)
    reads = ("get", "list", "create event")
    writes = [call for call in cluster.calls if not call.startswith(reads)]
    assert len(writes) <= 8, writes
