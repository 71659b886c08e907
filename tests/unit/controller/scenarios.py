"""What can happen to resources, told as scenarios, each with the end that it must come to."""

import asyncio
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from meshmigrate.controller import names
from meshmigrate.controller.observed import Json, Key
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import PlanSummary
from meshmigrate.observe.notifications.channels import NO_CHANNELS, Channels
from tests.scripted.faults import Fault
from tests.unit.controller.couriers import CHANNELS
from tests.unit.controller.driving import (
    Deed,
    Ending,
    Operator,
    Player,
    ends_with,
    killed,
    play,
    vanishes,
)
from tests.unit.controller.scripted_cluster import (
    KEY,
    OTHER_KEY,
    Clock,
    ScriptedCluster,
    other_body,
    resource_body,
)

DIGEST = f"sha256:{'0' * 64}"
OTHER_DIGEST = f"sha256:{'1' * 64}"
SUCCEEDS = ends_with(Outcome.SUCCEEDED)
UNREACHABLE = ends_with(Outcome.UNREACHABLE, "DatabaseUnreachable")
INTERRUPTED = ends_with(Outcome.INTERRUPTED, "Terminated")


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
    told: tuple[str, ...] = ()
    """The outcomes that a channel is told of; without any there is no channel."""

    @property
    def channels(self) -> Channels:
        """What the operators are configured with."""
        return CHANNELS if self.told else NO_CHANNELS


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


def approved_body() -> Json:
    """Give a resource whose plans have to be approved."""
    body = resource_body()
    body["spec"]["policy"]["approval"] = "Required"
    return body


def asks_for(digest: str) -> Ending:
    """Let the runner say that its plan is not approved."""
    return ends_with(Outcome.AWAITING_APPROVAL, plan=PlanSummary(digest=digest, count=2))


def approve(digest: str) -> Deed:
    """Approve a plan once somebody is asked for that."""

    def is_asked_for(cluster: ScriptedCluster) -> bool:
        plan = cluster.body()["status"].get("plan", {})
        return phase_of(cluster) == "AwaitingApproval" and plan["digest"] == digest

    return Deed(is_asked_for, edit(approvedPlan=digest))


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
    "approval": Scenario(
        [asks_for(DIGEST), INTERRUPTED, SUCCEEDS],
        {KEY: End(attempts=2, runs=2, history=("Succeeded", "AwaitingApproval"))},
        (approve(DIGEST),),
        (approved_body(),),
    ),
    "approval of a plan that has changed": Scenario(
        [asks_for(DIGEST), asks_for(OTHER_DIGEST), SUCCEEDS],
        {KEY: End(runs=3, history=("Succeeded", "AwaitingApproval", "AwaitingApproval"))},
        (approve(DIGEST), approve(OTHER_DIGEST)),
        (approved_body(),),
    ),
    "success with a channel": Scenario([SUCCEEDS], {KEY: End()}, told=("Succeeded",)),
    "failure with a channel": Scenario(
        [ends_with(Outcome.ROLLED_BACK, "CheckFailed"), SUCCEEDS],
        {KEY: End(runs=2, history=("Succeeded", "RolledBack"))},
        (Deed(in_phase("RolledBack"), edit(target=5)),),
        told=("RolledBack", "Succeeded"),
    ),
    "deleted at work, with a channel": Scenario(
        [SUCCEEDS], {KEY: None}, (Deed(at_work, delete),), told=("Succeeded",)
    ),
}


def make_cluster(name: str, faults: dict[int, Fault] | None = None) -> ScriptedCluster:
    """Give the cluster that a scenario begins in."""
    scenario = SCENARIOS[name]
    cluster = ScriptedCluster(Clock(), faults=faults)
    cluster.refuse_jobs = scenario.refused
    for body in scenario.bodies:
        cluster.apply(copy.deepcopy(body))
    return cluster


def play_scenario(name: str, player: Player, operators: Sequence[Operator]) -> None:
    """Play a scenario to its end, and hold everything to that."""
    scenario = SCENARIOS[name]
    asyncio.run(play(player, scenario.endings, scenario.deeds, turns=300))
    assert_ended(player.cluster, scenario)
    notices = [notice for operator in operators for notice in operator.sink.told]
    told = {(notice.run_id, notice.outcome) for notice in notices}
    assert sorted(outcome for _, outcome in told) == sorted(scenario.told)


def assert_ended(cluster: ScriptedCluster, scenario: Scenario) -> None:
    """Hold a cluster to the end of its scenario."""
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
    assert "plan" not in status
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["reason"] == end.reason
    assert status["runNumber"] == end.runs
    if end.history:
        assert tuple(entry["outcome"] for entry in status["history"]) == end.history
    assert names.FINALIZER not in body["metadata"].get("finalizers", [])
    assert all(entry["state"] == "Delivered" for entry in status.get("notifications", ()))
