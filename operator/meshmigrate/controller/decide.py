"""What to do next: pure and total, one step at a time.

One step per decision, taken again from what is observed after it: so every write has its
preconditions checked, and a crash between any two steps is nothing special.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from meshmigrate.controller import names
from meshmigrate.controller.advance import advance
from meshmigrate.controller.attempt import Absent, Started, Waiting, attempt_state, is_there
from meshmigrate.controller.backoff import due_at
from meshmigrate.controller.cancelling import is_cancelling
from meshmigrate.controller.clock import parse_time
from meshmigrate.controller.database_queue import is_held_back
from meshmigrate.controller.observed import Observed, ObservedJob, ObservedResource
from meshmigrate.controller.outbox import wait_for_delivery
from meshmigrate.controller.pod_template import TERMINATION_GRACE_SECONDS
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.status import Status
from meshmigrate.domain.reason import Reason

JOB_END_GRACE: Final = timedelta(seconds=10)
"""A Job says that it is over about two seconds after its container has ended (measured)."""
_GRACE: Final = timedelta(seconds=TERMINATION_GRACE_SECONDS)
_CALLED_OFF: Final = frozenset({Reason.SUSPENDED.value, Reason.CANCELLED.value})
_POLL: Final = timedelta(seconds=2)
_LONGEST_POLL: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class WriteStatus:
    """Store the status."""

    status: Status


@dataclass(frozen=True, slots=True)
class SetFinalizers:
    """Replace the resource's finalizers."""

    finalizers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateJob:
    """Create the Job of the attempt in flight: whoever creates it first has the attempt."""

    run: CurrentRun


@dataclass(frozen=True, slots=True)
class DeleteJob:
    """Delete a Job and, in the background, its pods."""

    job: ObservedJob


@dataclass(frozen=True, slots=True)
class OwnJob:
    """Make the resource the owner of a Job that has ended, and let the Job expire."""

    job: ObservedJob


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until something changes, or for so long."""

    duration: timedelta | None = None


Step = WriteStatus | SetFinalizers | CreateJob | DeleteJob | OwnJob | Wait


def decide(observed: Observed) -> Step:
    """Give the next step."""
    status = advance(observed)
    if status != observed.resource.status:
        return WriteStatus(status)
    if observed.resource.deleting:
        return _let_go(observed)
    cleaning = _clean_up(observed)
    if cleaning is not None:
        return cleaning
    if status.current_run is None:
        return _rest(observed)
    return _pursue(observed, status.current_run)


def _let_go(observed: Observed) -> Step:
    """Wait for a runner that works on the database, or stop it; then leave nothing behind."""
    run = observed.resource.status.current_run
    if run is not None and not run.between_attempts:
        state = attempt_state(run, observed)
        if isinstance(state, Started):
            step = _await_end(observed, run, state)
            if step is not None:
                return step
    for job in _ours(observed):
        if not job.deleting:
            return DeleteJob(job)
    left = wait_for_delivery(observed.resource, observed.now)
    if left is not None and names.FINALIZER in observed.resource.finalizers:
        return Wait(left)
    return _without_finalizer(observed) or Wait()


def _await_end(observed: Observed, run: CurrentRun, state: Started) -> Step | None:
    """Wait for the runner's end; one that was told to stop has its grace period for that."""
    resource = observed.resource
    job = observed.job(run.job_name)
    if not (is_cancelling(resource, run) or _stops_when_deleted(resource)):
        return None if state.going else Wait()
    if job is not None and not job.deleting:
        return DeleteJob(job)
    left = (resource.deleted_at or observed.now) + _GRACE - observed.now
    return Wait(min(left, _POLL)) if left > timedelta(0) else None


def _stops_when_deleted(resource: ObservedResource) -> bool:
    return resource.spec is not None and resource.spec.deletion_policy == "Cancel"


def _clean_up(observed: Observed) -> OwnJob | DeleteJob | None:
    """Own the Jobs of ended attempts; delete those whose container may still start.

    A Job that is newer than the status belongs to another operator that knows more: hands off.
    """
    status = observed.resource.status
    run = status.current_run
    here = (run.number, run.attempt) if run else (status.run_number + 1, 0)
    for job in _ours(observed):
        if job.deleting or job.owned or (job.run_number, job.attempt) >= here:
            continue
        ended = job.over or any(pod.end for pod in observed.pods_of(job.name))
        return OwnJob(job) if ended else DeleteJob(job)
    return None


def _rest(observed: Observed) -> Step:
    """Stay while something was to be told a moment ago: no receiver that is gone may hold more."""
    finalizers = observed.resource.finalizers
    left = wait_for_delivery(observed.resource, observed.now)
    if left is None:
        return _without_finalizer(observed) or Wait()
    if names.FINALIZER not in finalizers:
        return SetFinalizers((*finalizers, names.FINALIZER))
    return Wait(left)


def _pursue(observed: Observed, run: CurrentRun) -> Step:
    resource = observed.resource
    if is_cancelling(resource, run):
        return _stop(observed, run) or Wait(_POLL)
    if not run.between_attempts and is_held_back(resource):
        return Wait(_LONGEST_POLL)
    if names.FINALIZER not in resource.finalizers:
        return SetFinalizers((*resource.finalizers, names.FINALIZER))
    if run.between_attempts:
        return _await_next_attempt(observed, run)
    return _await_start(observed, run)


def _await_start(observed: Observed, run: CurrentRun) -> Step:
    match attempt_state(run, observed):
        case Absent() if _may_not_have_one(observed):
            return Wait(_LONGEST_POLL)
        case Absent():
            return _make_room(observed, run) or CreateJob(run)
        case Waiting(job=job):
            return Wait(_poll_interval(observed, job))
        case _:
            return Wait()


def _may_not_have_one(observed: Observed) -> bool:
    refused = observed.job_refusal or observed.denial_of_run
    return bool(refused) or observed.resource.spec_of_run is None


def _stop(observed: Observed, run: CurrentRun) -> Step | None:
    """End the Job of an attempt that is not to go on: its runner gets SIGTERM and its grace."""
    job = observed.job(run.job_name)
    if job is None or job.over or job.deleting or job.resource_uid != observed.resource.uid:
        return None
    return DeleteJob(job)


def _poll_interval(observed: Observed, job: ObservedJob) -> timedelta:
    """Look often at a Job that should start any moment, and rarely at one that does not."""
    age = observed.now - job.created_at
    return min(max(age / 4, _POLL), _LONGEST_POLL)


def _make_room(observed: Observed, run: CurrentRun) -> Step | None:
    """Let the attempt before this one come to its end first: one at a time for each resource."""
    if any(pod.started_at and is_there(pod, observed.now) for pod in observed.pods):
        return Wait(_POLL)
    alive = [job for job in _ours(observed) if not job.over and not job.deleting]
    if not alive:
        return None
    if any((job.run_number, job.attempt) > (run.number, run.attempt) for job in alive):
        return Wait(_POLL)  # another operator knows more: the resource as seen here is old
    if observed.now < parse_time(run.started_at) + JOB_END_GRACE:
        return Wait(_POLL)
    return DeleteJob(alive[0])


def _await_next_attempt(observed: Observed, run: CurrentRun) -> Step:
    resource, last = observed.resource, run.last_attempt
    if last is None:
        return Wait()
    stop = _stop(observed, run)
    ended = any(pod.end for pod in observed.pods_of(run.job_name))
    if stop is not None and last.reason in _CALLED_OFF and not ended:
        return stop
    if resource.suspended or resource.spec_of_run is None:
        return Wait()
    due = due_at(run, last, resource.spec_of_run.policy.retry, resource.uid)
    if stop is not None:
        due = max(due, parse_time(last.ended_at) + JOB_END_GRACE)
        if observed.now >= due:
            return stop
    if is_held_back(resource):
        return Wait(_LONGEST_POLL)
    return Wait(due - observed.now if due > observed.now else _POLL)


def _without_finalizer(observed: Observed) -> SetFinalizers | None:
    finalizers = observed.resource.finalizers
    if names.FINALIZER not in finalizers:
        return None
    return SetFinalizers(tuple(name for name in finalizers if name != names.FINALIZER))


def _ours(observed: Observed) -> list[ObservedJob]:
    uid = observed.resource.uid
    return [job for job in observed.jobs if job.resource_uid == uid]
