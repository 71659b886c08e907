"""What the state of the attempt in flight does to the status."""

from typing import Final

from msgspec.structs import replace

from meshmigrate.controller.attempt import (
    Absent,
    AttemptState,
    Ended,
    Lost,
    NeverStarted,
    Started,
    Waiting,
)
from meshmigrate.controller.backoff import due_at, past_deadline
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.closing import close_run
from meshmigrate.controller.conditions import Verdict, with_rollback_ready, with_verdict
from meshmigrate.controller.observed import Observed
from meshmigrate.controller.obstacle import find_obstacle, is_stuck
from meshmigrate.controller.progress import note_progress
from meshmigrate.controller.run_status import CurrentRun, LastAttempt
from meshmigrate.controller.spec import LONGEST_START_SECONDS, MigrationSpec, settings_hash
from meshmigrate.controller.starting import next_attempt
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason

MAX_LOST_PODS: Final = 3
"""So many runners in a row without a result are no accident."""


def follow_attempt(
    observed: Observed, run: CurrentRun, spec: MigrationSpec, state: AttemptState
) -> Status:
    """Give the status after what became of the attempt; the same one if nothing is new."""
    match state:
        case Ended() as end if end.outcome.final:
            return close_run(observed, run, end)
        case Ended() as end:
            return _note_end(observed, run, spec, end)
        case Lost(message=message):
            return _note_lost(observed, run, message)
        case NeverStarted(message=message):
            reason = Reason.POD_NOT_STARTED
            end = Ended(Outcome.INTERRUPTED, reason, message, begun=False)
            return _note_end(observed, run, spec, end)
        case Started():
            return note_progress(observed, _note_start(observed, run, state))
        case Absent() | Waiting():
            return _wait(observed, run, spec, state)


def _note_start(observed: Observed, run: CurrentRun, started: Started) -> Status:
    if run.attempt_started_at:
        return observed.resource.status
    moment = format_time(started.at or observed.now)
    first = run.last_attempt is None
    started_run = replace(
        run,
        attempt_started_at=moment,
        trouble_since="" if first else run.trouble_since,
        begun=True,
        cannot_start=False,
    )
    noted = replace(observed.resource.status, current_run=started_run)
    # What kept the first attempt from starting is over. After attempts that ended badly a start
    # alone is no progress: past the deadline Stalled stays until one ends the run.
    still_trying = noted.stalled and not first
    undo = run.intent == "undo"
    return with_verdict(
        observed,
        Verdict.HELD_UP if still_trying else Verdict.IN_PROGRESS,
        "Retrying" if still_trying else "RollingBack" if undo else "Running",
        Reason.ROLLING_BACK if undo else Reason.RUNNING,
        f"run {run.number}, attempt {run.attempt} {'takes it back' if undo else 'runs'} "
        f"since {moment}",
        status=noted,
    )


def _wait(
    observed: Observed, run: CurrentRun, spec: MigrationSpec, state: Absent | Waiting
) -> Status:
    obstacle = find_obstacle(state, observed, spec)
    if obstacle is None:
        return _renew(observed, run, spec, state)
    if obstacle.final:
        reason, message = obstacle.reason, obstacle.message
        end = Ended(Outcome.REFUSED, reason, message, database_known=not run.begun, begun=False)
        return close_run(observed, run, end)
    seen_before = run.cannot_start
    run = replace(_troubled(run, observed), cannot_start=True)
    late = past_deadline(run, spec.policy.retry, observed.now)
    if late and spec.policy.retry.after_deadline == "GiveUp":
        end = Ended(Outcome.INTERRUPTED, obstacle.reason, obstacle.message)
        return _give_up(observed, run, end)
    status = observed.resource.status
    if seen_before and (status.ready_reason, status.stalled) == (obstacle.reason, late):
        # a message that differs at every look is not worth a write at every look
        return _renew(observed, run, spec, state)
    noted = replace(status, current_run=run)
    return _in_trouble(observed, late, obstacle.reason, obstacle.message, status=noted)


def _renew(
    observed: Observed, run: CurrentRun, spec: MigrationSpec, state: Absent | Waiting
) -> Status:
    """Let another Job take the place of one that has waited for long, or leave all as it is.

    So does an edit of ``spec.job``: it may be just what lets the container start.

    What a Job waits for its container counts towards its deadline (Kubernetes API, JobSpec,
    ``activeDeadlineSeconds``): the runner shall have its whole time.
    """
    status = observed.resource.status
    if isinstance(state, Absent) or state.job.resource_uid != observed.resource.uid:
        return status
    waited = (observed.now - state.job.created_at).total_seconds()
    outdated = state.job.settings not in {"", settings_hash(spec)}
    if (waited < LONGEST_START_SECONDS and not outdated) or state.job.deleting:
        return status
    begun = run.begun or not is_stuck(state, observed)
    renewed = next_attempt(observed.resource, replace(run, begun=begun))
    return replace(status, current_run=renewed)


def _note_lost(observed: Observed, run: CurrentRun, message: str) -> Status:
    lost = run.lost_pods + 1
    if lost >= MAX_LOST_PODS:
        crashing = Ended(
            Outcome.FAILED,
            Reason.RUNNER_CRASHING,
            f"{lost} runners in a row were lost, the last: {message}",
            database_known=False,
        )
        return close_run(observed, run, crashing)
    last = _attempt_end(observed, run, "Lost", Reason.RUNNER_LOST, message)
    noted = replace(run, lost_pods=lost, last_attempt=last, progress=None, begun=True)
    return _in_trouble(
        observed,
        observed.resource.status.stalled,
        Reason.RUNNER_LOST,
        f"{message}; attempt {run.attempt + 1} follows and finds out what the lost one did",
        status=replace(observed.resource.status, current_run=noted),
    )


def _note_end(observed: Observed, run: CurrentRun, spec: MigrationSpec, end: Ended) -> Status:
    """Store a retryable end: the next attempt comes by itself, unless it was told to give up."""
    retry = spec.policy.retry
    run = _troubled(run, observed)
    late = past_deadline(run, retry, observed.now)
    if late and retry.after_deadline == "GiveUp":
        return _give_up(observed, run, end)
    last = _attempt_end(observed, run, end.outcome.value, end.reason, end.message)
    noted = replace(
        run, lost_pods=0, last_attempt=last, progress=None, begun=run.begun or end.begun
    )
    status = replace(observed.resource.status, current_run=noted)
    if end.result is not None:
        status = with_rollback_ready(observed, status, end.result.rollback_ready)
    due = format_time(due_at(noted, last, retry, observed.resource.uid))
    return _in_trouble(
        observed,
        late,
        end.reason,
        f"attempt {run.attempt} ended as {end.outcome}: {end.message}; the next follows at {due}",
        status=status,
        reconciling="" if late else Reason.BACKING_OFF,
    )


def _give_up(observed: Observed, run: CurrentRun, end: Ended) -> Status:
    message = f"{end.message}; given up after the retry deadline, as policy.retry says"
    given_up = Ended(Outcome.FAILED, end.reason, message, database_known=False)
    return close_run(observed, run, given_up)


def _troubled(run: CurrentRun, observed: Observed) -> CurrentRun:
    return run if run.trouble_since else replace(run, trouble_since=format_time(observed.now))


def _in_trouble(
    observed: Observed,
    late: bool,
    reason: str,
    message: str,
    *,
    status: Status | None = None,
    reconciling: str = "",
) -> Status:
    """Show what a run meets that may pass; past the retry deadline it is stalled as well."""
    verdict, phase = (Verdict.HELD_UP, "Retrying") if late else (Verdict.IN_PROGRESS, "Pending")
    return with_verdict(
        observed, verdict, phase, reason, message, status=status, reconciling=reconciling
    )


def _attempt_end(
    observed: Observed, run: CurrentRun, outcome: str, reason: str, message: str
) -> LastAttempt:
    return LastAttempt(
        attempt=run.attempt,
        outcome=outcome,
        reason=reason,
        message=message,
        ended_at=format_time(observed.now),
    )
