"""A node that is gone, and comes back."""

from tests.cluster.kubernetes import SYSTEM_NAMESPACE, eventually
from tests.cluster.tenant import DATABASE_NAMESPACE, Tenant
from tests.cluster.test_kills import FILES


def test_a_run_whose_node_is_gone_is_continued_elsewhere(tenant: Tenant) -> None:
    """Here elsewhere is the same node, once it is back: until then there is none, and that is said.

    The runner on it is not told anything: it works on, and the database keeps the two apart.
    """
    cluster = tenant.cluster
    tenant.secret()
    tenant.config_map("web", FILES)
    with tenant.advisory_lock():
        tenant.apply()
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
        first = tenant.running_pod()["metadata"]["name"]
        with cluster.lost_node():
            message = tenant.wait_for_reason("PodNotStarted", seconds=200)
            assert "no node takes the runner's pod" in message
            assert tenant.status()["currentRun"]["lastAttempt"]["reason"] == "RunnerLost"
        gone = ("wait", "--for=delete", f"pod/{first}", "--timeout=60s")
        cluster.kubectl("-n", tenant.name, *gone)
    status = tenant.wait("Ready", seconds=90)
    assert tenant.query("select file from done order by file") == ["1", "2", "3"]
    # One more where the database, which shares the node, is not back in its Service at once.
    assert status["runNumber"] == 1
    assert status["lastRun"]["attempts"] >= 2
    for namespace, name in ((SYSTEM_NAMESPACE, "meshmigrate"), (DATABASE_NAMESPACE, "postgres")):
        cluster.kubectl("-n", namespace, "rollout", "status", f"deployment/{name}")
    said = cluster.operator_logs()
    unread = [line for line in said.splitlines() if "log-not-read" in line and first in line]
    assert len(unread) == 1
