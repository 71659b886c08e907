"""Two operators: one is active, and the other takes over in time."""

import time
from collections.abc import Iterator

import pytest

from tests.cluster.kubernetes import OPERATORS, SYSTEM_NAMESPACE, Cluster, Json, eventually
from tests.cluster.tenant import Tenant
from tests.cluster.test_kills import FILES

HERE = ("-n", SYSTEM_NAMESPACE)


def settled(cluster: Cluster) -> Json | None:
    """Give the Lease once both operators are ready and one of them holds it."""
    deployment = cluster.get(*HERE, "deployment/meshmigrate")
    pods = {pod["metadata"]["name"] for pod in operators(cluster)}
    lease = cluster.lease()
    there = deployment["status"].get("readyReplicas") == 2 and len(pods) == 2
    return lease if there and lease.get("holderIdentity", "").partition("_")[0] in pods else None


def operators(cluster: Cluster) -> list[Json]:
    """Give the operators' pods."""
    pods: list[Json] = cluster.get(*HERE, "pods", "-l", OPERATORS)["items"]
    return pods


@pytest.fixture
def lease(operator: Cluster) -> Iterator[Json]:
    """Give the Lease when both are there, and leave both behind."""
    yield eventually("two operators and a leader", lambda: settled(operator))
    eventually("two operators again", lambda: settled(operator))


def seconds_until_taken(cluster: Cluster, before: Json, began: float) -> float:
    """Measure until somebody else has the Lease."""

    def taken() -> bool:
        holder = cluster.lease()["holderIdentity"]
        return holder not in {"", before["holderIdentity"]}

    eventually("another holder", taken)
    return time.monotonic() - began


def test_a_stopped_leader_is_followed_within_four_seconds(tenant: Tenant, lease: Json) -> None:
    """It gives the Lease back; the run that it had started goes on and its end is stored."""
    cluster = tenant.cluster
    tenant.secret()
    tenant.config_map("web", FILES)
    with tenant.advisory_lock():
        tenant.apply()
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
        pod = cluster.operator_pod()["metadata"]["name"]
        began = time.monotonic()
        cluster.kubectl(*HERE, "delete", "pod", pod, "--wait=false")
        assert seconds_until_taken(cluster, lease, began) <= 4
    status = tenant.wait("Ready")
    assert status["lastRun"]["attempts"] == 1
    assert status["runNumber"] == 1


def test_a_killed_leader_is_followed_within_twenty_seconds(tenant: Tenant, lease: Json) -> None:
    """Nobody gives the Lease back: it ends, and the other one does what came meanwhile."""
    cluster = tenant.cluster
    tenant.secret()
    tenant.config_map("web", FILES)
    began = time.monotonic()
    cluster.kill_container(cluster.operator_pod())
    with tenant.advisory_lock():
        tenant.apply()
        assert seconds_until_taken(cluster, lease, began) <= 20
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
    status = tenant.wait("Ready")
    assert status["runNumber"] == 1
    assert len(tenant.jobs()) == 1
