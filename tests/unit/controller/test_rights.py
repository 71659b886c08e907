"""What the operator may do is what it does, and nothing else."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from hack.chart_snapshots import read_snapshot
from meshmigrate.controller.event import Event
from meshmigrate.controller.event_manifest import event_manifest
from meshmigrate.controller.kubernetes_port import KubernetesPort
from meshmigrate.controller.observed import ObservedPod, observe_pod, observe_resource
from meshmigrate.controller.port import ClusterError
from meshmigrate.domain.outcome import Outcome
from tests.scripted.api import ScriptedApi
from tests.scripted.exchange import Request
from tests.scripted.faults import DONE_AND_FAILED, Fault
from tests.scripted.rights import Right, right_of, rights_in
from tests.scripted.transport import ScriptedTransport, requests_over
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scenarios import SCENARIOS
from tests.unit.controller.scripted_cluster import START, Clock, ScriptedCluster, resource_body
from tests.unit.controller.test_kill_points import run
from tests.unit.controller.test_operator_process import LEASE, Operators

OWNING = Right("update", "migrations.meshhook.dev", "databasemigrations/finalizers")
"""No request of its own: an API server may ask for it when a Job gets its owner."""


def granted() -> set[Right]:
    """Give every right that the chart grants where it watches all namespaces."""
    roles = [body for body in read_snapshot("all-namespaces") if body["kind"].endswith("Role")]
    assert len(roles) == 2
    return {right for role in roles for right in rights_in(role["rules"])}


def used_in_scenarios() -> Iterator[Right | None]:
    """Give the rights that the scenarios need, and a success with a lost answer at any call."""
    plays = [(name, None) for name in SCENARIOS]
    lost = [("success", {number: DONE_AND_FAILED}) for number in range(6)]
    for name, faults in (*plays, *lost):
        cluster, _ = run(name, faults)
        yield from map(right_of, cluster.requests)


def used_without_a_pod(story: Story) -> Iterator[Right | None]:
    """Give the rights that it takes to find out why there is none."""
    story.cluster.clock.pass_time(timedelta(minutes=1))
    story.look()
    yield from map(right_of, story.cluster.requests)


def used_for_what_happens_again() -> Iterator[Right | None]:
    """Give the rights that it takes to count what happens in each attempt."""
    cluster, resource = ScriptedCluster(Clock()), observe_resource(resource_body())
    for attempt in (1, 2):
        event = Event("Warning", "DatabaseUnreachable", "away", "1/DatabaseUnreachable", attempt)
        asyncio.run(cluster.create_event(event_manifest(event, resource, START)))
    yield from map(right_of, cluster.requests)


def used_for_a_log() -> Iterator[Right | None]:
    """Give the right that reading a runner's log needs."""
    asked: list[Request] = []

    def fate(request: Request) -> Fault:
        asked.append(request)
        return Fault(done=False, status=403)

    port = KubernetesPort(requests_over(ScriptedTransport(ScriptedApi(), fate)), ())
    with pytest.raises(ClusterError):
        asyncio.run(port.read_log(a_pod()))
    yield from map(right_of, asked)


def used_by_a_process(folder: Path) -> Iterator[Right | None]:
    """Give the rights that an operator process needs: for its watches, its Lease and a run."""
    operators = Operators(folder)
    with operators.server.listening():
        process = operators.start(*LEASE)
        job = operators.begin_run()
        operators.cluster.start_pod(job)
        ends_with(Outcome.SUCCEEDED)(operators.cluster, job)
        operators.phase_becomes("Succeeded")
        process.terminate()
        assert process.wait(timeout=5) == 0
    yield from map(right_of, operators.server.asked)


def a_pod() -> ObservedPod:
    """Give some pod of a runner."""
    metadata = {"namespace": "app", "name": "web-1", "uid": "1", "labels": {}}
    return observe_pod({"metadata": metadata, "spec": {}, "status": {}})


def test_every_right_is_used_and_no_other_is_needed(started: Story, tmp_path: Path) -> None:
    """Nothing can be taken from the Roles, and nothing in them is there for nothing."""
    used = {
        *used_in_scenarios(),
        *used_without_a_pod(started),
        *used_for_what_happens_again(),
        *used_for_a_log(),
        *used_by_a_process(tmp_path),
        OWNING,
    } - {None}
    rights = granted()
    assert {need for need in used if need and not any(r.covers(need) for r in rights)} == set()
    assert {r for r in rights if not any(need and r.covers(need) for need in used)} == set()
