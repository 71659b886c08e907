"""The next status: a pure function of what is observed.

The status is advanced first and stored; only then `decide` acts on it. So whatever the operator
does to the cluster was written down before it did it.
"""

from msgspec.structs import replace

from meshmigrate.controller import names
from meshmigrate.controller.attempt import Absent, Ended, NeverStarted, Waiting, attempt_state
from meshmigrate.controller.backoff import due_at
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.closing import close_run, close_superseded
from meshmigrate.controller.conditions import Verdict, with_verdict, without_rollback_ready
from meshmigrate.controller.following import follow_attempt
from meshmigrate.controller.observed import Observed, ObservedResource
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.controller.status import CurrentRun, Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason


def advance(observed: Observed) -> Status:
    """Give the status that what is observed calls for; the same one if nothing is new."""
    resource = observed.resource
    status, spec = resource.status, resource.spec
    if resource.deleting or (spec is None and status.current_run is not None):
        return _finish_only(observed)
    if spec is None:
        return _refuse_spec(observed)
    if status.current_run is None:
        return _start_run(observed) if _run_wanted(resource) else _settle(observed)
    return _advance_run(observed, status.current_run, spec)


def _finish_only(observed: Observed) -> Status:
    """Store how the run ended, if it ended for good; nothing else begins any more."""
    status = observed.resource.status
    run = status.current_run
    if run is None or run.between_attempts:
        return status
    state = attempt_state(run, observed)
    if isinstance(state, Ended) and state.outcome.final:
        return close_run(observed, run, state)
    return status


def _advance_run(observed: Observed, run: CurrentRun, spec: MigrationSpec) -> Status:
    outdated = _run_wanted(observed.resource)
    if run.between_attempts:
        renewed = outdated or _closed_by_another(run)
        return _start_run(observed) if renewed else _continue(observed, run, spec)
    state = attempt_state(run, observed)
    if outdated and isinstance(state, Absent | Waiting | NeverStarted):
        return _start_run(observed)
    return follow_attempt(observed, run, spec, state)


def _run_wanted(resource: ObservedResource) -> bool:
    """Say whether spec or annotation ask for a run other than the latest.

    A hash that differs although nobody has edited the spec is that of another release of the
    operator: it starts nothing, or two releases side by side would outdo each other for ever.
    """
    status = resource.status
    latest = status.current_run or status.last_run
    if latest is None or resource.run_request not in {"", status.last_run_request}:
        return True
    edited = resource.generation != status.observed_generation
    return edited and latest.spec_hash != resource.spec_hash


def _closed_by_another(run: CurrentRun) -> bool:
    """Say whether a run on the same database found this one unfinished and ended it."""
    return run.last_attempt is not None and run.last_attempt.reason == Reason.ABANDONED


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


def _start_run(observed: Observed) -> Status:
    resource = observed.resource
    status = resource.status
    if status.current_run is not None:
        status = close_superseded(observed, status.current_run)
    number = status.run_number + 1
    run = CurrentRun(
        id=str(names.run_id(resource.uid, number, resource.spec_hash, resource.run_request)),
        number=number,
        attempt=1,
        intent="plan" if resource.spec is not None and resource.spec.mode == "Plan" else "apply",
        job_name=names.job_name(resource.key.name, resource.uid, number, 1),
        spec_hash=resource.spec_hash,
        started_at=format_time(observed.now),
    )
    started = replace(
        without_rollback_ready(status),
        run_number=number,
        current_run=run,
        last_run_request=resource.run_request,
    )
    return with_verdict(
        observed,
        Verdict.IN_PROGRESS,
        "Pending",
        Reason.PENDING,
        f"run {number} is being started",
        status=started,
    )


def _settle(observed: Observed) -> Status:
    """Follow an edit that starts no run, such as one of the provenance."""
    resource = observed.resource
    generation = resource.generation
    if resource.status.observed_generation == generation:
        return resource.status
    conditions = tuple(
        replace(condition, observed_generation=generation)
        for condition in resource.status.conditions
    )
    return replace(resource.status, observed_generation=generation, conditions=conditions)


def _continue(observed: Observed, run: CurrentRun, spec: MigrationSpec) -> Status:
    """Begin the next attempt when it is due and nothing of the last one can still run."""
    status, last = observed.resource.status, run.last_attempt
    job = observed.job(run.job_name)
    if last is None or (job is not None and not job.over and not job.deleting):
        return status
    if observed.now < due_at(run, last, spec.policy.retry, observed.resource.uid):
        return status
    attempt = run.attempt + 1
    resource = observed.resource
    following = replace(
        run,
        attempt=attempt,
        job_name=names.job_name(resource.key.name, resource.uid, run.number, attempt),
        attempt_started_at="",
    )
    return replace(status, current_run=following)
