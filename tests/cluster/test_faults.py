"""Faults of the cluster itself: a pod too many, an API server that does not answer."""

import json
from datetime import UTC, datetime

from meshmigrate.controller.clock import parse_time
from tests.cluster.control_plane import frozen_api, is_running
from tests.cluster.kubernetes import Json, eventually
from tests.cluster.tenant import Tenant
from tests.cluster.test_lifecycle import applied, begin
from tests.cluster.test_rollback import FIRST, NOT_FIRST, start


def twin_of(pod: Json) -> Json:
    """Give a second pod of the same attempt, as a Job may make one (Kubernetes, Jobs)."""
    meta = pod["metadata"]
    labels = {name: text for name, text in meta["labels"].items() if "controller-uid" not in name}
    spec = {name: value for name, value in pod["spec"].items() if name != "nodeName"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{meta['name']}-twin",
            "labels": labels,
            "annotations": meta["annotations"],
        },
        "spec": spec,
    }


def test_two_pods_of_one_attempt_apply_each_file_once(tenant: Tenant) -> None:
    """The second waits for the lock, and then gives the result of the first."""
    with tenant.advisory_lock():
        begin(tenant)
        pod = tenant.running_pod()
        twin = twin_of(pod)
        tenant.cluster.kubectl("-n", tenant.name, "create", "-f", "-", stdin=json.dumps(twin))
        name = twin["metadata"]["name"]
        eventually("the second one waits", lambda: "is held by" in log_of(tenant, name))
    status = tenant.wait("Ready")
    assert (status["runNumber"], status["lastRun"]["attempts"]) == (1, 1)
    assert applied(tenant) == ["1", "2"]
    assert tenant.query("select outcome from meshmigrate.run") == ["Succeeded"]

    def ended() -> Json | None:
        shown = tenant.cluster.get("-n", tenant.name, f"pod/{name}")["status"]
        return shown if shown["phase"] == "Succeeded" else None

    state = eventually("the second one ends", ended)["containerStatuses"][0]["state"]
    result = json.loads(state["terminated"]["message"])
    assert (result["runId"], result["outcome"]) == (status["lastRun"]["id"], "Succeeded")


def log_of(tenant: Tenant, pod: str) -> str:
    """Give the log of a pod, empty while it has none."""
    return tenant.cluster.attempt("kubectl", "-n", tenant.name, "logs", pod).stdout


def test_a_run_ends_while_the_api_server_does_not_answer(tenant: Tenant) -> None:
    """Its work needs no Kubernetes; the status tells of it when there is somebody to tell."""
    start(tenant, {**FIRST, "2_slow.sql": "select pg_sleep(5);"}, NOT_FIRST)
    sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
    eventually("the second file is in its middle", lambda: tenant.query(sleeping) == ["1"])
    pod = tenant.running_pod()
    with frozen_api():
        eventually("the runner has ended", lambda: not is_running(tenant.cluster, pod))
        thawed_at = datetime.now(UTC)
    status = tenant.wait("Ready")
    assert parse_time(status["lastRun"]["finishedAt"]) < thawed_at
    assert status["lastRun"]["attempts"] == 1
    assert applied(tenant) == ["1", "2"]
    assert len(tenant.jobs()) == 1
