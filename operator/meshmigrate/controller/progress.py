"""What the log of a running attempt does to the status, and how a person reads it."""

from msgspec.structs import replace

from meshmigrate.controller.conditions import Verdict, with_rollback_ready, with_verdict
from meshmigrate.controller.observed import Observed
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.status import Status
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runner_log import Progress, describe_wait


def note_progress(observed: Observed, status: Status) -> Status:
    """Give a status that has what the attempt's log says; the same one if that is nothing new.

    A log that could not be read, or is that of another attempt, says nothing.
    """
    run, line = status.current_run, observed.log_line
    if run is None or line is None or (line.run_id, line.attempt) != (run.id, run.attempt):
        return status
    if line.rollback_ready is not None:
        status = with_rollback_ready(observed, status, line.rollback_ready)
    if line.progress is None or line.progress == run.progress:
        return status
    return _with_progress(observed, status, run, line.progress)


def _with_progress(
    observed: Observed, status: Status, run: CurrentRun, progress: Progress
) -> Status:
    """Show it: a run that moves is in progress, however long it could not work before."""
    noted = replace(status, current_run=replace(run, progress=progress))
    message = describe_progress(progress)
    if run.attempt > 1:
        message = f"attempt {run.attempt}: {message}"
    going_back = progress.direction == "down" or run.intent == "undo"
    moving = progress.total is not None
    still_trying = status.stalled and not moving
    reason = Reason.ROLLING_BACK if going_back else Reason.RUNNING
    return with_verdict(
        observed,
        Verdict.HELD_UP if still_trying else Verdict.IN_PROGRESS,
        "Retrying" if still_trying else reason.value,
        reason,
        message,
        status=noted,
    )


def describe_progress(progress: Progress) -> str:
    """Say in one line where an attempt is, for how long, and what keeps it."""
    seconds = "" if progress.seconds is None else f"{progress.seconds} s"
    waits = describe_wait(progress.waiting_for, progress.blockers)
    parts = [_where(progress), progress.statement, seconds, progress.doing, waits]
    told = ", ".join(part for part in parts if part) or "looking at what there is to do"
    return f"{told}; it goes back because {progress.cause}" if progress.cause else told


def _where(progress: Progress) -> str:
    back = progress.direction == "down"
    applied, total = progress.applied, progress.total
    if applied is None or total is None:
        return ""
    if applied >= total:
        done = "taken back" if back else "applied"
        last = "the schema is being compared" if back else "the run is being ended"
        return f"{applied} of {total} {done}, {last}"
    place = f"{progress.file}:{progress.line}" if progress.line else progress.file
    doing = "rolling back" if back else "applying"
    return f"{doing} {applied + 1} of {total}: {place or f'version {progress.version}'}"
