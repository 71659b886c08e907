"""What keeps a run from its work is named, and when it is gone the run ends by itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from hack.demo.setting import PASSWORD
from hack.images.recipes import PRODUCT_IMAGE
from tests.cluster.kubernetes import SYSTEM_NAMESPACE, Cluster, eventually
from tests.cluster.tenant import DATABASE_NAMESPACE, Tenant, ready
from tests.cluster.test_kills import FILES

ONE = {"1_a.sql": "create table a (id int);"}
LATER_IMAGE = PRODUCT_IMAGE.replace(":dev", ":later")


def test_a_quota_that_leaves_no_room_is_named(tenant: Tenant) -> None:
    """There is no pod to look at: the Job's event says why; then there is room."""
    quota = ("quota", "full", "-n", tenant.name)
    tenant.secret()
    tenant.config_map("web", ONE)
    tenant.cluster.kubectl("create", *quota, "--hard=pods=0")
    tenant.apply()
    message = tenant.wait_for_reason("PodNotCreated")
    assert "exceeded quota: full" in message
    assert tenant.status()["phase"] == "Pending"
    tenant.cluster.kubectl("delete", *quota)
    status = tenant.wait("Ready")
    assert (status["runNumber"], status["lastRun"]["attempts"]) == (1, 1)


def test_three_runners_that_crash_in_a_row_are_no_accident(tenant: Tenant) -> None:
    """Each is followed by another, the third by nobody; what was applied is known all the same."""
    tenant.secret()
    tenant.config_map("web", FILES)
    with tenant.advisory_lock():
        tenant.apply()
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
        for attempt in (1, 2, 3):
            tenant.cluster.kill_container(tenant.running_pod(attempt))
        status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Failed", "RunnerCrashing")
    assert "run-requested-at" in ready(status)["message"]
    annotation = "migrations.meshhook.dev/run-requested-at=2026-01-01T00:00:00Z"
    tenant.cluster.kubectl("-n", tenant.name, "annotate", "dbm/web", annotation)
    tenant.wait("Ready")
    assert tenant.query("select file from done order by file") == ["1", "2", "3"]


def runner_image(cluster: Cluster, image: str) -> None:
    """Let the operator run another image in its Jobs."""
    deployment = ("-n", SYSTEM_NAMESPACE, "deployment/meshmigrate")
    cluster.kubectl("set", "env", *deployment, f"MESHMIGRATE_RUNNER_IMAGE={image}")
    cluster.kubectl("rollout", "status", *deployment, "--timeout=2m")


def test_an_image_that_cannot_be_pulled_is_named(tenant: Tenant) -> None:
    """Once it is there, the kubelet finds it."""
    cluster = tenant.cluster
    tenant.secret()
    tenant.config_map("web", ONE)
    runner_image(cluster, LATER_IMAGE)
    try:
        tenant.apply()
        message = tenant.wait_for_reason("ImagePullFailed")
        assert "make it available to the node" in message
        cluster.ctr("images", "tag", PRODUCT_IMAGE, LATER_IMAGE)
        status = tenant.wait("Ready", seconds=90)
        assert (status["runNumber"], status["lastRun"]["attempts"]) == (1, 1)
    finally:
        runner_image(cluster, PRODUCT_IMAGE)
        cluster.ctr("images", "rm", LATER_IMAGE)


@contextmanager
def database_answers(tenant: Tenant) -> Iterator[None]:
    """Let the Service ``late`` lead to the database while the block runs."""
    pods = tenant.cluster.get("pods", "-n", DATABASE_NAMESPACE, "-l", "app=postgres")["items"]
    labels = {"kubernetes.io/service-name": "late"}
    leads = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "late", "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [pods[0]["status"]["podIP"]]}],
        "ports": [{"name": "postgres", "port": 5432, "protocol": "TCP"}],
    }
    here = ("-n", tenant.name)
    tenant.cluster.kubectl(*here, "create", "-f", "-", stdin=json.dumps(leads))
    yield
    tenant.cluster.kubectl(*here, "delete", "endpointslice", "late")


def test_a_database_that_is_away_for_longer_than_the_deadline_is_met_when_it_is_back(
    tenant: Tenant,
) -> None:
    """Stalled while it is away; the attempt that comes every ten minutes ends the run."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "late"},
        "spec": {"ports": [{"name": "postgres", "port": 5432}]},
    }
    here = ("-n", tenant.name)
    tenant.cluster.kubectl(*here, "create", "-f", "-", stdin=json.dumps(service))
    host = f"late.{tenant.name}.svc:5432"
    tenant.secret(f"postgres://postgres:{PASSWORD}@{host}/{tenant.name}?sslmode=disable")
    tenant.config_map("web", ONE)
    tenant.apply(policy={"retry": {"deadlineSeconds": 1}})
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Retrying", "DatabaseUnreachable")
    assert "the next follows at" in ready(status)["message"]
    with database_answers(tenant):
        # A quarter of an hour passes: the end of the last attempt is as long ago.
        ended = datetime.now(UTC) - timedelta(minutes=15)
        past = {"lastAttempt": {"endedAt": ended.strftime("%Y-%m-%dT%H:%M:%SZ")}}
        patch = ("patch", "dbm/web", "--subresource=status", "--type=merge", "-p")
        tenant.cluster.kubectl(*here, *patch, json.dumps({"status": {"currentRun": past}}))
        status = tenant.wait("Ready")
    assert (status["runNumber"], status["lastRun"]["attempts"]) == (1, 3)
