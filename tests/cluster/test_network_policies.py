"""The chart's NetworkPolicies on a cluster; whether they are enforced is the cluster's.

kind's network enforces them. Where the cluster is made of processes nobody does, and that is what
this test says there; what the policies mean is evaluated in tests/unit/chart.
"""

import json

from hack.cluster.docker import engine_answers
from tests.cluster.kubernetes import OPERATORS, SYSTEM_NAMESPACE, Cluster, Json, eventually
from tests.cluster.tenant import DATABASE_NAMESPACE, Tenant

RELEASE = "closed"
CLOSED: Json = {
    "crds": {"install": False},
    "networkPolicy": {"enabled": True, "metrics": {"from": [{"podSelector": {}}]}},
}
METRICS_PORT = "8080"


def address(cluster: Cluster, namespace: str, selector: str) -> str:
    """Give the address of a pod."""
    pods: list[Json] = cluster.get("-n", namespace, "pods", "-l", selector)["items"]
    return str(pods[0]["status"]["podIP"])


def reached_by_a_stranger(cluster: Cluster, host: str) -> bool:
    """Say whether a pod of another namespace can connect: something answers, if no PostgreSQL."""
    script = f"PGCONNECT_TIMEOUT=5 psql -h {host} -p {METRICS_PORT} -U nobody -d nothing"
    stranger = ("-n", DATABASE_NAMESPACE, "deploy/postgres")
    done = cluster.attempt("kubectl", "exec", *stranger, "--", "sh", "-c", script)
    assert done.returncode != 0
    assert "refused" not in done.stderr, "nobody listens there"
    return "timeout expired" not in done.stderr


def test_a_run_works_behind_the_policies_and_strangers_are_kept_out(tenant: Tenant) -> None:
    """Operator and runner reach what they need; a pod elsewhere reaches an open operator only."""
    cluster = tenant.cluster
    cluster.run(
        *("helm", "install", RELEASE, "charts/meshmigrate", "--namespace", tenant.name),
        *("--values", "-", "--wait", "--timeout", "1m"),
        stdin=json.dumps({"watchNamespaces": [tenant.name], **CLOSED}),
    )
    assert len(cluster.get("-n", tenant.name, "networkpolicies")["items"]) == 2
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    tenant.apply()
    assert tenant.wait("Ready")["lastRun"]["attempts"] == 1
    open_operator = address(cluster, SYSTEM_NAMESPACE, OPERATORS)
    closed_operator = address(cluster, tenant.name, f"app.kubernetes.io/instance={RELEASE}")
    assert reached_by_a_stranger(cluster, open_operator)
    enforced = engine_answers()
    eventually(
        f"the policies are {'enforced' if enforced else 'known, and enforced by nobody'}",
        lambda: reached_by_a_stranger(cluster, closed_operator) != enforced,
    )
    cluster.run("helm", "uninstall", RELEASE, "--namespace", tenant.name)
