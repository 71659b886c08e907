"""SIGKILL in the middle of a slow migration: the right end, and no file applied twice."""

import json
from collections.abc import Callable

import pytest

from tests.cluster.kubernetes import SYSTEM_NAMESPACE, Cluster, eventually
from tests.cluster.tenant import Tenant

FILES = {
    "1_log.sql": "create table done (file int); insert into done values (1);",
    "2_slow.sql": "insert into done values (2); select pg_advisory_xact_lock(4711);",
    "3_last.sql": "insert into done values (3);",
}


def kill_operator(tenant: Tenant) -> None:
    """Kill the operator's process."""
    tenant.cluster.kill_container(tenant.cluster.operator_pod())


def kill_runner(tenant: Tenant) -> None:
    """Kill the runner's process."""
    tenant.cluster.kill_container(tenant.running_pod())


def remove_runner(tenant: Tenant) -> None:
    """Remove the runner's pod as a lost node would."""
    pod = tenant.running_pod()["metadata"]["name"]
    tenant.cluster.kubectl("-n", tenant.name, "delete", "pod", pod, "--force", "--grace-period=0")


def delete_runner(tenant: Tenant) -> None:
    """Delete the runner's pod by hand: it is asked to stop."""
    pod = tenant.running_pod()["metadata"]["name"]
    tenant.cluster.kubectl("-n", tenant.name, "delete", "pod", pod, "--wait=false")


def evict_runner(tenant: Tenant) -> None:
    """Evict the runner's pod, as draining its node does."""
    pod = tenant.running_pod()["metadata"]["name"]
    path = f"/api/v1/namespaces/{tenant.name}/pods/{pod}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    tenant.cluster.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))


@pytest.mark.parametrize(
    ("kill", "attempts"),
    [
        (kill_operator, 1),
        (kill_runner, 2),
        (remove_runner, 2),
        (delete_runner, 2),
        (evict_runner, 2),
    ],
    ids=["operator", "runner", "pod", "pod-by-hand", "evicted"],
)
def test_a_kill_in_the_middle_ends_right(
    tenant: Tenant, kill: Callable[[Tenant], None], attempts: int
) -> None:
    """Whoever is killed while the second of three files runs, each file is applied once."""
    tenant.secret()
    tenant.config_map("web", FILES)
    with tenant.advisory_lock():
        tenant.apply()
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
        kill(tenant)
        if attempts > 1:
            eventually("the next attempt", lambda: len(tenant.jobs()) > 1)
    status = tenant.wait("Ready", seconds=90)
    assert tenant.query("select file from done order by file") == ["1", "2", "3"]
    assert status["lastRun"]["attempts"] == attempts
    assert status["runNumber"] == 1


def test_an_operator_that_is_killed_comes_back(operator: Cluster) -> None:
    """Its container is started again and becomes ready; it has lost nothing."""
    pod = operator.operator_pod()
    before = pod["status"]["containerStatuses"][0]["restartCount"]
    operator.kill_container(pod)

    def back() -> bool:
        again = operator.get("pod", pod["metadata"]["name"], "-n", SYSTEM_NAMESPACE)
        state = again["status"]["containerStatuses"][0]
        return bool(state["restartCount"] > before and state["ready"])

    eventually("the operator is ready again", back)
    metrics = operator.kubectl(
        "get",
        "--raw",
        f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/services/meshmigrate:metrics/proxy/metrics",
    )
    assert "meshmigrate_build_info" in metrics
