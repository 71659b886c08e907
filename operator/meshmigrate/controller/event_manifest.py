"""An event as the API takes it: created once, or counted in the one of its name.

The name follows from what happened, so that whoever tells it again meets the first.
"""

import hashlib
from datetime import datetime
from typing import Any, Final

from meshmigrate.controller import names
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.event import Event
from meshmigrate.controller.observed import ObservedResource

_COMPONENT: Final = "meshmigrate-operator"


def event_id(uid: str, occasion: str) -> str:
    """Give what tells an event from all others, whoever tells it."""
    return hashlib.sha256(f"{uid}/{occasion}".encode()).hexdigest()[:16]


def event_manifest(event: Event, resource: ObservedResource, now: datetime) -> dict[str, Any]:
    """Give an event as core/v1 takes it."""
    moment = format_time(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{resource.key.name[:200]}.{event_id(resource.uid, event.occasion)}",
            "namespace": resource.key.namespace,
            "annotations": {names.COUNTED_ATTEMPT_ANNOTATION: str(event.attempt)},
        },
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "namespace": resource.key.namespace,
            "name": resource.key.name,
            "uid": resource.uid,
            "resourceVersion": resource.resource_version,
        },
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": _COMPONENT},
        "reportingComponent": _COMPONENT,
        "reportingInstance": _COMPONENT,
    }


def counted_again(known: dict[str, Any], event: dict[str, Any]) -> dict[str, Any] | None:
    """Give the patch that counts an event in the one of its name; None if it is in it already."""
    attempt = event["metadata"]["annotations"][names.COUNTED_ATTEMPT_ANNOTATION]
    annotations = known["metadata"].get("annotations", {})
    if int(attempt) <= int(annotations.get(names.COUNTED_ATTEMPT_ANNOTATION, "0")):
        return None
    return {
        "metadata": {
            # of two operators that count it, one does
            "resourceVersion": known["metadata"]["resourceVersion"],
            "annotations": {names.COUNTED_ATTEMPT_ANNOTATION: attempt},
        },
        "count": known.get("count", 1) + 1,
        "lastTimestamp": event["lastTimestamp"],
        "message": event["message"],
    }
