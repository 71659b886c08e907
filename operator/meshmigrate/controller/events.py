"""The events that a change of status tells: on transitions only, each under a name of its own.

They are stored in the very write that stores the transition, and told after it. So none is lost
with an operator that dies in between: whoever follows tells again what still stands there.
"""

from collections.abc import Iterator
from typing import Final, Literal

from msgspec.structs import replace

from meshmigrate.controller import names
from meshmigrate.controller.admission import DENIALS
from meshmigrate.controller.closing import SUPERSEDED
from meshmigrate.controller.event import MAX_NOTE_LENGTH, Event
from meshmigrate.controller.notification import GIVEN_UP
from meshmigrate.controller.observed import Observed
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason

LENGTH: Final = 32
"""Entries, at most; the oldest go first."""
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


def with_events(observed: Observed, status: Status) -> Status:
    """Give the status with the events of its change, and without those that are told.

    No write is made only because some are told while another one follows anyway: in a run, or
    where the finalizer shows that they are.
    """
    resource = observed.resource
    old, at_rest = resource.status, status.current_run is None
    left = [event for event in old.events if event.id not in observed.told]
    if status == old:
        told = [event for event in old.events if event.id in observed.told]
        if not at_rest or resource.deleting or all(event.guarded for event in told):
            return status
        return replace(status, events=tuple(left))
    guarded = at_rest and names.FINALIZER in resource.finalizers
    entries = {event.id: event for event in (*left, *events_of_change(old, status))}
    return replace(
        status,
        events=tuple(
            replace(event, message=event.message[:MAX_NOTE_LENGTH], guarded=guarded)
            for event in list(entries.values())[-LENGTH:]
        ),
    )


def occasion_of_end(run_number: int) -> str:
    """Give the occasion of the event that tells the end of a run."""
    return f"{run_number}/end"


def events_of_change(old: Status, new: Status) -> Iterator[Event]:
    """Give the events that lead from one status to the next."""
    message = _ready_message(new)
    yield from _events_of_notifications(old, new)
    if new.last_run is not None and new.last_run != old.last_run:
        run = new.last_run
        if run.reason == Reason.PLANNED:
            yield Event("Normal", "PlanReady", message, occasion_of_end(run.number))
        elif run.outcome == Outcome.AWAITING_APPROVAL and new.current_run is None:
            yield Event("Normal", Outcome.AWAITING_APPROVAL, message, occasion_of_end(run.number))
        elif run.outcome in {Outcome.SUCCEEDED, Outcome.UP_TO_DATE}:
            yield Event("Normal", Outcome.SUCCEEDED, message, occasion_of_end(run.number))
        elif run.outcome == SUPERSEDED:
            text = f"run {run.number} gave way to a newer one"
            yield Event("Normal", Reason.SUPERSEDED, text, occasion_of_end(run.number))
        else:
            yield Event("Warning", run.outcome, message, occasion_of_end(run.number))
    run_in_flight = new.current_run
    if run_in_flight is None:
        if new.last_run == old.last_run:
            yield from _events_without_a_run(old, new)
        return
    number = run_in_flight.number
    if old.current_run is None or old.current_run.number != number:
        yield Event("Normal", "RunStarted", message, f"{number}/start")
    elif new.ready_reason != old.ready_reason and new.ready_reason not in _ORDINARY:
        kind: Literal["Normal", "Warning"] = (
            "Normal" if new.ready_reason in _ASKED_FOR else "Warning"
        )
        occasion = f"{number}/{new.ready_reason}"
        yield Event(kind, new.ready_reason, message, occasion, run_in_flight.attempt)
    yield from _events_of_the_way_back(old, new, run_in_flight)


def _events_without_a_run(old: Status, new: Status) -> Iterator[Event]:
    """Say why none begins: the spec is refused, or somebody wants it to wait."""
    message, reason = _ready_message(new), new.ready_reason
    if reason in DENIALS | {Reason.INVALID_SPEC}:
        generation = new.observed_generation
        if (reason, generation) != (old.ready_reason, old.observed_generation):
            yield Event("Warning", reason, message, f"denied/{generation}/{reason}")
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


def _ready_message(status: Status) -> str:
    ready = status.condition("Ready")
    return ready.message if ready else ""
