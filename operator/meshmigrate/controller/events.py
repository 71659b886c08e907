"""The events that a change of status tells: on transitions only, each under a name of its own.

The name follows from what happened, so that an operator that is restarted in between tells it
once: the second creation meets the first. What happens again in a later attempt of the run is
counted in the event that is there.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from meshmigrate.controller import names
from meshmigrate.controller.admission import DENIALS
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.closing import SUPERSEDED
from meshmigrate.controller.notification import GIVEN_UP
from meshmigrate.controller.observed import ObservedResource
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason

_MAX_NOTE_LENGTH: Final = 1024
"""The API refuses a longer message (events.k8s.io/v1, ``note``)."""
_COMPONENT: Final = "meshmigrate-operator"
_ORDINARY: Final = frozenset(
    {Reason.PENDING.value, Reason.RUNNING.value, Reason.ROLLING_BACK.value}
)
_ASKED_FOR: Final = frozenset(
    {
        Reason.QUEUED.value,
        Reason.SUSPENDED.value,
        Reason.CANCELLED.value,
    }
)
"""What needs nobody: it is as somebody wanted it, or as it has to be."""


Kind = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a resource."""

    kind: Kind
    reason: str
    message: str
    occasion: str
    """What tells this event from the others of the resource: run and reason."""
    attempt: int = 0
    """Of what may happen in each attempt: which one it is."""


def events_of_change(old: Status, new: Status) -> Iterator[Event]:
    """Give the events that lead from one status to the next."""
    message = _ready_message(new)
    yield from _events_of_notifications(old, new)
    if new.last_run is not None and new.last_run != old.last_run:
        run = new.last_run
        if run.reason == Reason.PLANNED:
            yield Event("Normal", "PlanReady", message, f"{run.number}/end")
        elif run.outcome == Outcome.AWAITING_APPROVAL and new.current_run is None:
            yield Event("Normal", Outcome.AWAITING_APPROVAL, message, f"{run.number}/end")
        elif run.outcome in {Outcome.SUCCEEDED, Outcome.UP_TO_DATE}:
            yield Event("Normal", Outcome.SUCCEEDED, message, f"{run.number}/end")
        elif run.outcome == SUPERSEDED:
            text = f"run {run.number} gave way to a newer one"
            yield Event("Normal", Reason.SUPERSEDED, text, f"{run.number}/end")
        else:
            yield Event("Warning", run.outcome, message, f"{run.number}/end")
    run_in_flight = new.current_run
    if run_in_flight is None:
        if new.last_run == old.last_run and new != old:
            yield from _events_without_a_run(old, new)
        return
    number = run_in_flight.number
    if old.current_run is None or old.current_run.number != number:
        yield Event("Normal", "RunStarted", message, f"{number}/start")
    elif new.ready_reason != old.ready_reason and new.ready_reason not in _ORDINARY:
        kind: Kind = "Normal" if new.ready_reason in _ASKED_FOR else "Warning"
        occasion = f"{number}/{new.ready_reason}"
        yield Event(kind, new.ready_reason, message, occasion, run_in_flight.attempt)
    yield from _events_of_the_way_back(old, new, run_in_flight)


def _events_without_a_run(old: Status, new: Status) -> Iterator[Event]:
    """Say why none begins: the spec is refused, or somebody wants it to wait."""
    message, reason = _ready_message(new), new.ready_reason
    if reason in DENIALS | {Reason.INVALID_SPEC}:
        yield Event("Warning", reason, message, f"denied/{new.observed_generation}")
    elif reason == Reason.SUSPENDED != old.ready_reason:
        number = new.last_run.number if new.last_run else 0
        yield Event("Normal", reason, message, f"{number}/at rest/{reason}")


def _events_of_the_way_back(old: Status, new: Status, run: CurrentRun) -> Iterator[Event]:
    """Give what is new of whether a run can go back, and of its going back."""
    ready, before = (status.condition("RollbackReady") for status in (new, old))
    if ready and ready.status == "False" and (before is None or before.status != "False"):
        yield Event("Warning", "RollbackNotReady", ready.message, f"{run.number}/rollback-ready")
    back = Reason.ROLLING_BACK.value
    if new.ready_reason == back != old.ready_reason:
        yield Event(
            "Warning" if run.progress and run.progress.cause else "Normal",
            "RollbackStarted",
            _ready_message(new),
            f"{run.number}/{back}",
            run.attempt,
        )


def _events_of_notifications(old: Status, new: Status) -> Iterator[Event]:
    """Say once of each that it did not arrive at the first attempt, and once that it never will."""
    before = {entry.id: entry for entry in old.notifications}
    for entry in new.notifications:
        if entry == before.get(entry.id):
            continue
        what = f"channel {entry.channel}, attempt {entry.attempts}: {entry.reason}"
        if entry.state == GIVEN_UP:
            yield Event("Warning", "NotificationGivenUp", what, f"notification/{entry.id}/end")
        elif entry.attempts == 1 and entry.pending:
            text = f"{what}; it is tried again for a day"
            yield Event("Warning", "NotificationDelayed", text, f"notification/{entry.id}")


def event_manifest(event: Event, resource: ObservedResource, now: datetime) -> dict[str, Any]:
    """Give an event as core/v1 takes it."""
    digest = hashlib.sha256(f"{resource.uid}/{event.occasion}".encode()).hexdigest()[:16]
    moment = format_time(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{resource.key.name[:200]}.{digest}",
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
        "type": event.kind,
        "reason": event.reason,
        "message": event.message[:_MAX_NOTE_LENGTH],
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


def _ready_message(status: Status) -> str:
    ready = status.condition("Ready")
    return ready.message if ready else ""
