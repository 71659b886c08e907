"""What becomes of pods that a node has: the same by both API servers."""

from datetime import timedelta

import pytest

from meshmigrate.controller.observed import observe_pod
from tests.conformance.client import Client
from tests.conformance.objects import collection, create, pod
from tests.scripted.kinds import PODS, Json

OURS = "migrations.meshhook.dev/resource-uid"


@pytest.fixture(autouse=True)
def account(api: Client) -> None:
    """Let there be the account that pods have; where a controller makes it, it may be there."""
    body: Json = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default"},
    }
    api.send("POST", f"/api/v1/namespaces/{api.namespace}/serviceaccounts", body)


def test_a_deleted_pod_is_there_until_its_node_has_ended_it(api: Client) -> None:
    """Its deletionTimestamp lies ahead: it contains the grace period."""
    path, made = create(api, PODS, pod())
    assert made["status"]["phase"] == "Pending"
    assert api.send("DELETE", path, {})[0] == 200
    status, going = api.send("GET", path)
    assert status == 200
    gone_at = observe_pod(going).expected_gone_at
    created_at = observe_pod(
        made
        | {
            "metadata": made["metadata"]
            | {"deletionTimestamp": made["metadata"]["creationTimestamp"]}
        }
    ).expected_gone_at
    assert gone_at is not None
    assert created_at is not None
    assert gone_at - created_at >= timedelta(seconds=60)
    assert api.send("DELETE", path, {})[0] == 200
    _, again = api.send("GET", path)
    assert observe_pod(again).expected_gone_at == gone_at


def test_a_pod_without_grace_or_without_a_node_is_gone_at_once(api: Client) -> None:
    """Nobody is left who could say that it has ended."""
    for name, node, options in (
        ("forced", "nobody", {"gracePeriodSeconds": 0}),
        ("nowhere", "", {}),
    ):
        path, _ = create(api, PODS, pod(name, node=node))
        assert api.send("DELETE", path, options)[0] == 200
        assert api.send("GET", path)[0] == 404


def test_a_watch_by_label_sees_a_pod_going_and_gone(api: Client) -> None:
    """Marked, out of time, gone; pods without the label are not told of."""
    path = collection(api, PODS)
    _, listed = api.send("GET", path)
    version = listed["metadata"]["resourceVersion"]
    create(api, PODS, pod("foreign"))
    ours, _ = create(api, PODS, pod("ours", labels={OURS: "1"}))
    api.send("DELETE", ours, {})
    api.send("DELETE", ours, {"gracePeriodSeconds": 0})
    seen = api.watch(path, 4, version=version, selector=OURS)
    assert [each["type"] for each in seen] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    shown = [each["object"]["metadata"] for each in seen]
    assert ["deletionTimestamp" in meta for meta in shown] == [False, True, True, True]
    assert [meta.get("deletionGracePeriodSeconds") for meta in shown[1:3]] == [60, 0]
    assert {meta["name"] for meta in shown} == {"ours"}
