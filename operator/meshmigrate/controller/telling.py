"""What people are told of a change of status: the end of a run, or that there is none, and why."""

from typing import Final
from uuid import UUID, uuid5

from meshmigrate.controller.clock import format_time, seconds_between
from meshmigrate.controller.closing import SUPERSEDED
from meshmigrate.controller.observed import Observed
from meshmigrate.controller.run_status import CurrentRun, LastRun
from meshmigrate.controller.spec import SourceProvenance
from meshmigrate.controller.status import Status
from meshmigrate.domain.errors import Location
from meshmigrate.domain.outcome import Outcome
from meshmigrate.observe.notifications.notice import RETRYING, Notice

_REFUSED: Final = Outcome.REFUSED.value


def notice_of_change(observed: Observed, new: Status) -> Notice | None:
    """Give what there is to tell; nothing of a run that only gave way to a newer one."""
    old = observed.resource.status
    if new.last_run is not None and new.last_run != old.last_run:
        return None if new.last_run.outcome == SUPERSEDED else _of_end(observed, new, new.last_run)
    if new.current_run is not None:
        came_to_this = new.phase == RETRYING != old.phase
        return _of_trouble(observed, new, new.current_run) if came_to_this else None
    refused = (new.phase, new.ready_reason, new.observed_generation)
    if new.phase == _REFUSED and refused != (old.phase, old.ready_reason, old.observed_generation):
        return _of_denial(observed, new)
    return None


def _of_end(observed: Observed, new: Status, last: LastRun) -> Notice:
    failure = last.failure
    place = Location(failure.file, failure.line, failure.column) if failure else None
    return _notice(
        observed,
        new,
        outcome=last.outcome,
        reason=last.reason,
        at=last.finished_at,
        run_id=last.id,
        run_number=last.number,
        attempts=last.attempts,
        duration_seconds=last.duration_seconds,
        place=str(place) if place and place.file else "",
        sqlstate=failure.sqlstate if failure else "",
    )


def _of_trouble(observed: Observed, new: Status, run: CurrentRun) -> Notice:
    return _notice(
        observed,
        new,
        outcome=RETRYING,
        reason=new.ready_reason,
        at=format_time(observed.now),
        run_id=run.id,
        run_number=run.number,
        attempts=run.attempt,
        duration_seconds=seconds_between(run.started_at, observed.now),
    )


def _of_denial(observed: Observed, new: Status) -> Notice:
    """Tell of a spec that got no run; its id is made of what was refused and why."""
    occasion = f"denied/{observed.resource.generation}/{new.ready_reason}"
    return _notice(
        observed,
        new,
        outcome=_REFUSED,
        reason=new.ready_reason,
        at=format_time(observed.now),
        run_id=str(uuid5(UUID(observed.resource.uid), occasion)),
    )


def _notice(
    observed: Observed,
    new: Status,
    *,
    outcome: str,
    reason: str,
    at: str,
    run_id: str,
    run_number: int = 0,
    attempts: int = 0,
    duration_seconds: float = 0.0,
    place: str = "",
    sqlstate: str = "",
) -> Notice:
    resource = observed.resource
    spec = resource.spec_of_run or resource.spec
    provenance = spec.provenance if spec else SourceProvenance()
    ready = new.condition("Ready")
    return Notice(
        outcome=outcome,
        reason=reason,
        message=ready.message if ready else "",
        at=at,
        run_id=run_id,
        run_number=run_number,
        attempts=attempts,
        duration_seconds=duration_seconds,
        namespace=resource.key.namespace,
        name=resource.key.name,
        database=new.database.name if new.database else "",
        version=new.current_version,
        place=place,
        sqlstate=sqlstate,
        commit=provenance.commit,
        ref=provenance.ref,
        actor=provenance.actor,
        run_url=provenance.run_url,
    )
