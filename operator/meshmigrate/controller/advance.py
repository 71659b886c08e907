"""The next status: a pure function of what is observed.

The status is advanced first and stored; only then `decide` acts on it. So whatever the operator
does to the cluster was written down before it did it.
"""

from typing import Final

from msgspec.structs import replace

from meshmigrate.controller.admission import DENIALS
from meshmigrate.controller.attempt import (
    Absent,
    AttemptState,
    Ended,
    NeverStarted,
    Waiting,
    attempt_state,
    has_stopped,
)
from meshmigrate.controller.backoff import due_at, past_deadline
from meshmigrate.controller.cancelling import (
    cancel,
    close_abandoned,
    is_cancelling,
    keeps_others_waiting,
)
from meshmigrate.controller.closing import close_run, show_last_run
from meshmigrate.controller.conditions import Verdict, with_verdict
from meshmigrate.controller.database_queue import find_blocker, is_held_back, with_place_in_queue
from meshmigrate.controller.events import with_events
from meshmigrate.controller.following import follow_attempt
from meshmigrate.controller.observed import Observed, ObservedResource
from meshmigrate.controller.outbox import with_notifications
from meshmigrate.controller.run_status import CurrentRun, LastAttempt
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.controller.starting import (
    is_run_wanted,
    next_attempt,
    replace_run,
    start_run,
)
from meshmigrate.controller.status import Status
from meshmigrate.controller.suspending import hold_back, hold_run
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason

_NO_RUNS_REASONS: Final = DENIALS | {Reason.INVALID_SPEC, Reason.SUSPENDED}
"""What is said of a spec that got no run."""


def advance(observed: Observed) -> Status:
    """Give the status that what is observed calls for; the same one if nothing is new."""
    return with_events(observed, with_notifications(observed, _advance(observed)))


def _advance(observed: Observed) -> Status:
    resource = observed.resource
    run = resource.status.current_run
    if run is None:
        return resource.status if resource.deleting else _rest(observed)
    state = None if run.between_attempts else attempt_state(run, observed)
    if isinstance(state, Ended) and state.outcome.final:
        return close_run(observed, run, state)
    if resource.deleting:
        return resource.status
    return _advance_run(observed, run, state)


def _rest(observed: Observed) -> Status:
    resource = observed.resource
    if resource.spec is None:
        return resource.status if _is_as_left(resource) else _refuse_spec(observed)
    if not is_run_wanted(resource):
        return _settle(observed)
    if resource.suspended:
        return hold_back(observed, resource.status)
    return start_run(observed, resource.spec)


def _advance_run(observed: Observed, run: CurrentRun, state: AttemptState | None) -> Status:
    resource = observed.resource
    if is_cancelling(resource, run):
        return cancel(observed, run, state)
    if run.last_attempt is not None and run.last_attempt.reason == Reason.ABANDONED and not state:
        # another run on the database had found this one unfinished, and ended it
        return close_abandoned(observed, run) if run.cancelled else replace_run(observed, run)
    gives_way = is_run_wanted(resource) or observed.denial_of_run is not None
    if gives_way and not keeps_others_waiting(observed, run) and _is_idle(state):
        return replace_run(observed, run)
    if resource.suspended and isinstance(state, Absent | Waiting | None):
        return hold_run(observed, run, state)
    return _go_on(observed, run, state)


def _go_on(observed: Observed, run: CurrentRun, state: AttemptState | None) -> Status:
    spec = observed.resource.spec_of_run
    if spec is None:
        return observed.resource.status
    if state is None:
        return _continue(observed, run, spec)
    if is_held_back(observed.resource) and isinstance(state, Absent | Waiting):
        return _let_through(observed, run, spec)
    return follow_attempt(observed, run, spec, state)


def _is_idle(state: AttemptState | None) -> bool:
    """Say whether no container of the run works: an edit need not wait."""
    return isinstance(state, Absent | Waiting | NeverStarted | None)


def _is_as_left(resource: ObservedResource) -> bool:
    """Say whether nobody has asked for anything since the last run.

    A newer definition adds its defaults to a spec without making it another generation: between
    its upgrade and that of the operator, what has ended stays as it ended.
    """
    status = resource.status
    asked = resource.run_request not in {"", status.last_run_request}
    edited = status.observed_generation != resource.generation
    return status.last_run is not None and not asked and not edited


def _refuse_spec(observed: Observed) -> Status:
    resource = observed.resource
    message = (
        f"this operator does not understand the spec: {resource.spec_error}. Operator and "
        "CustomResourceDefinition must be of the same release."
    )
    return with_verdict(
        observed,
        Verdict.ENDED_BADLY,
        Outcome.REFUSED.value,
        Reason.INVALID_SPEC,
        message,
        without_run=True,
    )


def _settle(observed: Observed) -> Status:
    """Follow an edit that starts no run, such as one of the provenance, or one taken back."""
    status = observed.resource.status
    generation = observed.resource.generation
    last, shown = status.last_run, status.ready_reason
    if last and shown in _NO_RUNS_REASONS and shown != last.reason:
        return show_last_run(observed, last)
    if status.observed_generation == generation:
        return status
    conditions = tuple(
        replace(condition, observed_generation=generation) for condition in status.conditions
    )
    return replace(status, observed_generation=generation, conditions=conditions)


def _continue(observed: Observed, run: CurrentRun, spec: MigrationSpec) -> Status:
    """Begin the next attempt when it is due and nothing of the last one can still run."""
    resource = observed.resource
    status, last = resource.status, run.last_attempt
    if last is None:
        return status
    if not has_stopped(run, observed) or not _job_is_over(observed, run):
        return status
    if observed.now < due_at(run, last, spec.policy.retry, resource.uid):
        return _show_cause(observed, run, last) if is_held_back(resource) else status
    blocker = find_blocker(observed, run)
    late = past_deadline(run, spec.policy.retry, observed.now)
    if blocker is not None:
        return with_place_in_queue(observed, blocker, run, status=status, late=late)
    following = next_attempt(resource, run)
    status = replace(status, current_run=following)
    return _being_started(observed, following, status) if is_held_back(resource) else status


def _job_is_over(observed: Observed, run: CurrentRun) -> bool:
    job = observed.job(run.job_name)
    return job is None or job.over or job.deleting


def _let_through(observed: Observed, run: CurrentRun, spec: MigrationSpec) -> Status:
    status = observed.resource.status
    blocker = find_blocker(observed, run)
    if blocker is None:
        return _being_started(observed, run, status)
    late = past_deadline(run, spec.policy.retry, observed.now)
    return with_place_in_queue(observed, blocker, run, status=status, late=late)


def _being_started(observed: Observed, run: CurrentRun, status: Status) -> Status:
    message = f"run {run.number}, attempt {run.attempt} is being started"
    return with_verdict(
        observed, Verdict.IN_PROGRESS, "Pending", Reason.PENDING, message, status=status
    )


def _show_cause(observed: Observed, run: CurrentRun, last: LastAttempt) -> Status:
    """Show again what a run backs off from, after something else had held it up."""
    message = f"attempt {run.attempt} ended as {last.outcome}: {last.message}; the next follows"
    return with_verdict(
        observed,
        Verdict.IN_PROGRESS,
        "Pending",
        last.reason,
        message,
        reconciling=Reason.BACKING_OFF,
    )
