"""``spec.suspend``: no attempt begins; one whose container runs comes to its end."""

from msgspec.structs import replace

from meshmigrate.controller.attempt import AttemptState, Waiting
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.conditions import Verdict, with_verdict
from meshmigrate.controller.observed import Observed
from meshmigrate.controller.obstacle import is_stuck
from meshmigrate.controller.run_status import CurrentRun, LastAttempt
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason


def hold_back(observed: Observed, status: Status) -> Status:
    """Give the status of a resource that wants a run and may not start it."""
    message = "a new run starts when spec.suspend is false again"
    return _suspended(observed, message, status)


def hold_run(observed: Observed, run: CurrentRun, state: AttemptState | None) -> Status:
    """Give the status of a run that has no container at work, and may start none.

    An attempt that waits for its container counts as ended, and its Job is deleted: whatever it
    waited for may come while nothing shall run. The retry deadline counts anew afterwards.
    """
    held = replace(run, trouble_since="", cannot_start=False)
    if isinstance(state, Waiting) and state.job.resource_uid == observed.resource.uid:
        held = _stop(observed, held, state)
    status = replace(observed.resource.status, current_run=held)
    message = f"run {run.number} goes on when spec.suspend is false again"
    return _suspended(observed, message, status)


def _stop(observed: Observed, run: CurrentRun, state: Waiting) -> CurrentRun:
    return replace(
        run,
        begun=run.begun or not is_stuck(state, observed),
        last_attempt=LastAttempt(
            attempt=run.attempt,
            outcome=Outcome.INTERRUPTED.value,
            reason=Reason.SUSPENDED,
            message="called off before its container had started",
            ended_at=format_time(observed.now),
        ),
    )


def _suspended(observed: Observed, message: str, status: Status) -> Status:
    return with_verdict(
        observed,
        Verdict.HELD_UP,
        "Suspended",
        Reason.SUSPENDED,
        message,
        status=status,
    )
