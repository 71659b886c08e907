"""The objects that the suite writes, and where they are found."""

from typing import Any

from meshmigrate.controller import names
from tests.conformance.client import Client
from tests.scripted.kinds import EVENTS, JOBS, LEASES, PODS, RESOURCES, Json, Kind
from tests.unit.controller.scripted_cluster import SPEC


def collection(api: Client, kind: Kind) -> str:
    """Give the path of a kind in the namespace."""
    return f"{kind.root}/namespaces/{api.namespace}/{kind.plural}"


def resource(name: str = "web", **metadata: Any) -> Json:
    """Give a DatabaseMigration."""
    return {
        "apiVersion": RESOURCES.api_version,
        "kind": RESOURCES.kind,
        "metadata": {"name": name, **metadata},
        "spec": SPEC,
    }


def job(name: str = "run", **metadata: Any) -> Json:
    """Give a Job that nobody starts."""
    pod = {
        "restartPolicy": "Never",
        "containers": [{"name": "runner", "image": "runner:1"}],
    }
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.kind,
        "metadata": {"name": name, **metadata},
        "spec": {"suspend": True, "backoffLimit": 0, "template": {"spec": pod}},
    }


def pod(name: str = "runner", *, node: str = "nobody", **metadata: Any) -> Json:
    """Give a pod of a node that nobody has, so that nobody starts or ends it."""
    return {
        "apiVersion": PODS.api_version,
        "kind": PODS.kind,
        "metadata": {"name": name, **metadata},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 60,
            "containers": [{"name": "runner", "image": "runner:1"}],
        },
    }


def lease(holder: str, version: str = "") -> Json:
    """Give a Lease."""
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": {"name": "operator", **({"resourceVersion": version} if version else {})},
        "spec": {
            "holderIdentity": holder,
            "leaseDurationSeconds": 15,
            "renewTime": "2026-01-02T03:04:05.000000Z",
        },
    }


def event(api: Client, name: str, uid: str, attempt: int = 1) -> Json:
    """Give an event about something."""
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {
            "name": name,
            "annotations": {names.COUNTED_ATTEMPT_ANNOTATION: str(attempt)},
        },
        "involvedObject": {"kind": "Job", "namespace": api.namespace, "name": "run", "uid": uid},
        "reason": "Tested",
        "message": "it was tested",
        "type": "Normal",
        "lastTimestamp": "2026-01-02T03:04:05Z",
    }


def create(api: Client, kind: Kind, body: Json) -> tuple[str, Json]:
    """Create an object; give its path and what the server made of it."""
    path = collection(api, kind)
    status, made = api.send("POST", path, body)
    assert status == 201, made
    return f"{path}/{body['metadata']['name']}", made
