"""Cancelling a run: its runner is stopped first, then an attempt of the same run takes it back."""

from msgspec.structs import replace

from meshmigrate.controller.attempt import AttemptState, Ended, Lost, Started, Waiting, has_stopped
from meshmigrate.controller.backoff import past_deadline
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.closing import close_run
from meshmigrate.controller.conditions import Verdict, with_verdict
from meshmigrate.controller.observed import Observed, ObservedResource
from meshmigrate.controller.obstacle import is_stuck
from meshmigrate.controller.run_status import CurrentRun, LastAttempt
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason


def is_cancelling(resource: ObservedResource, run: CurrentRun) -> bool:
    """Say whether the run is to be cancelled and its runner not yet known to have stopped."""
    if run.intent == "undo":
        return False
    return run.cancelled or resource.cancel_request == run.id


def keeps_others_waiting(observed: Observed, run: CurrentRun) -> bool:
    """Say whether an edit waits for this run although no container of it runs.

    What was asked to be taken back is taken back before the next run, unless that has been tried
    for as long as the run's retry deadline says: an edit may be what helps.
    """
    spec = observed.resource.spec_of_run
    if run.intent != "undo" or spec is None:
        return False
    return not past_deadline(run, spec.policy.retry, observed.now)


def cancel(observed: Observed, run: CurrentRun, state: AttemptState | None) -> Status:
    """Give the status after another step of the cancellation: noted, stopped, taken back.

    A run that only plans, or of which no container has started, has nothing to take back: it is
    closed, without another Job.
    """
    plans = run.intent == "plan"
    begun = not plans and (run.begun or _may_have_begun(observed, run, state))
    if not has_stopped(run, observed):
        noted = replace(run, cancelled=True, begun=begun)
        return _stopping(observed, noted)
    if not begun:
        when = "while it planned" if plans else "before its runner had started"
        message = f"run {run.number} was cancelled {when}"
        end = Ended(Outcome.CANCELLED, Reason.CANCELLED, message, begun=False)
        return close_run(observed, run, end)
    stopped = LastAttempt(
        attempt=run.attempt,
        outcome=Outcome.INTERRUPTED.value,
        reason=Reason.CANCELLED,
        message="stopped, because the run is cancelled",
        ended_at=format_time(observed.now),
    )
    undone = replace(
        run,
        cancelled=True,
        begun=True,
        intent="undo",
        last_attempt=stopped,
        lost_pods=0,
        trouble_since="",
        cannot_start=False,
    )
    return _stopping(observed, undone)


def close_abandoned(observed: Observed, run: CurrentRun) -> Status:
    """Close a cancelled run that another one had ended before: what it applied is built on."""
    message = (
        f"run {run.number} was cancelled, but another run on the database had found it unfinished "
        "and gone on from what it had applied: that stays"
    )
    return close_run(observed, run, Ended(Outcome.HALTED, Reason.ABANDONED, message))


def _may_have_begun(observed: Observed, run: CurrentRun, state: AttemptState | None) -> bool:
    """Say whether a container has started, or may start before its Job is gone.

    Once the Job is on its way out, only what has been seen counts. An older release has noted
    nothing of that, and no copy of the spec either.
    """
    if run.spec is None:
        return True
    match state:
        case Started() | Ended() | Lost():
            return True
        case Waiting(job=job) if not run.cancelled and job.resource_uid == observed.resource.uid:
            return not is_stuck(state, observed)
        case _:
            return False


def _stopping(observed: Observed, run: CurrentRun) -> Status:
    what = "what it applied is taken back" if run.begun else "it has applied nothing"
    return with_verdict(
        observed,
        Verdict.IN_PROGRESS,
        "RollingBack" if run.begun else "Pending",
        Reason.CANCELLED,
        f"run {run.number} is being cancelled: {what}",
        status=replace(observed.resource.status, current_run=run),
    )
