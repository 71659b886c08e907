"""The queue of the runs on one database: one works, the others wait in the order of their start.

A courtesy that spares pods which would only wait; the lock in the database is the guarantee. So
whoever cannot work now lets the others pass: a run that is suspended, that waits for its next
attempt, or whose container cannot start. When it can, it is ahead of those that came later.
"""

from typing import Final

from meshmigrate.controller.clock import format_time
from meshmigrate.controller.conditions import Verdict, with_verdict
from meshmigrate.controller.observed import Observed, ObservedResource
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.status import Status
from meshmigrate.domain.reason import Reason

NOT_BEGUN: Final = frozenset({Reason.QUEUED.value, Reason.SUSPENDED.value})
"""An attempt with such a reason has not been let through: it has no Job."""

Place = tuple[str, str]
"""When the run was started, and of which resource it is, so that no two are equal."""


def is_held_back(resource: ObservedResource) -> bool:
    """Say whether the attempt in flight has not been let through yet."""
    return resource.status.ready_reason in NOT_BEGUN


def has_no_job(resource: ObservedResource) -> bool:
    """Say whether the first attempt still waits for its turn: then there is nothing to look for."""
    run = resource.status.current_run
    return run is not None and run.attempt == 1 and not run.begun and is_held_back(resource)


def find_blocker(observed: Observed, run: CurrentRun | None = None) -> ObservedResource | None:
    """Give the resource that a run is directly behind; None if it is its turn.

    Without a run, one that would start now.
    """
    started_at = run.started_at if run else format_time(observed.now)
    here = (started_at, str(observed.resource.key))
    ahead = [r for r in observed.rivals if _waits(r) and _place(r) < here]
    if ahead:
        return max(ahead, key=_place)
    return next((rival for rival in observed.rivals if _holds(rival)), None)


def with_place_in_queue(
    observed: Observed, blocker: ObservedResource, run: CurrentRun, *, status: Status, late: bool
) -> Status:
    """Give a status that names whom the run waits for."""
    return with_verdict(
        observed,
        Verdict.HELD_UP if late else Verdict.IN_PROGRESS,
        "Retrying" if late else "Queued",
        Reason.QUEUED,
        f"run {run.number} waits for the run of {blocker.key} to end: both are for the same "
        "database",
        status=status,
    )


def _holds(rival: ObservedResource) -> bool:
    """Say whether an attempt was let through and may work, now or any moment."""
    run = rival.status.current_run
    if run is None or run.between_attempts or run.cannot_start:
        return False
    return not is_held_back(rival) and rival.spec_of_run is not None


def _waits(rival: ObservedResource) -> bool:
    queued = rival.status.ready_reason == Reason.QUEUED and rival.status.current_run is not None
    held = rival.deleting or rival.suspended or rival.spec_of_run is None
    return queued and not held


def _place(rival: ObservedResource) -> Place:
    run = rival.status.current_run
    return (run.started_at if run else "", str(rival.key))
