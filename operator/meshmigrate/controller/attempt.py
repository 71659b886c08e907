"""How far an attempt is, judged by its Job and pods."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from msgspec import DecodeError

from meshmigrate.controller.observed import ContainerEnd, Observed, ObservedJob, ObservedPod
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.domain.outcome import (
    EXIT_INTERNAL_ERROR,
    EXIT_USAGE_ERROR,
    Outcome,
    outcome_of_exit_code,
)
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result, decode_result

STUCK_POD_GRACE: Final = timedelta(seconds=30)
"""How long after its grace period a terminating pod may still be there before it is given up."""


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no Job, and nothing of it was seen to run."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """There is a Job, its container has not started."""

    job: ObservedJob
    pod: ObservedPod | None


@dataclass(frozen=True, slots=True)
class Started:
    """The container runs; ``going`` if Job and pods are being deleted under it."""

    at: datetime | None
    going: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The run's end, as the runner told it; without a result its exit code speaks.

    ``database_known`` is False where nobody told how the database is: the operator ended the run.
    ``begun`` is False where no container had started, so that there was nothing to tell.
    """

    outcome: Outcome
    reason: str
    message: str
    result: Result | None = None
    database_known: bool = True
    begun: bool = True


@dataclass(frozen=True, slots=True)
class Lost:
    """The container had started and left no result: killed, evicted, gone with its node."""

    message: str


@dataclass(frozen=True, slots=True)
class NeverStarted:
    """The Job is over although no container had started."""

    message: str


AttemptState = Absent | Waiting | Started | Ended | Lost | NeverStarted


def attempt_state(run: CurrentRun, observed: Observed) -> AttemptState:
    """Judge the attempt in flight.

    The pod's container is looked at first: it has its result about two seconds before the Job
    says that it is over (measured).
    """
    job = observed.job(run.job_name)
    pods = observed.pods_of(run.job_name)
    if job is not None and job.resource_uid != observed.resource.uid:
        return Waiting(job, None)
    ended = _ended(run, pods)
    if ended is not None:
        return ended
    present = [pod for pod in pods if not _given_up(pod, observed.now)]
    running = next((pod for pod in present if pod.started_at and not pod.failed), None)
    if running is not None:
        going = (job is None or job.deleting) and all(pod.expected_gone_at for pod in present)
        return Started(running.started_at, going=going)
    seen_started = bool(run.attempt_started_at) or any(pod.started_at for pod in pods)
    if job is None or job.over or any(pod.failed for pod in present):
        return _without_container(run, job, pods, seen_started=seen_started)
    if seen_started and not present:
        return Lost("the pod of the runner is gone")
    return Waiting(job, present[0] if present else None)


def has_stopped(run: CurrentRun, observed: Observed) -> bool:
    """Say whether nothing of the attempt works any more, or could still begin to."""
    pods = observed.pods_of(run.job_name)
    if any(is_there(pod, observed.now) for pod in pods):
        return False
    job = observed.job(run.job_name)
    may_make_one = (
        job is not None
        and job.resource_uid == observed.resource.uid
        and not (job.over or job.deleting)
    )
    return not may_make_one or any(pod.end for pod in pods)


def is_there(pod: ObservedPod, now: datetime) -> bool:
    """Say whether a pod is neither at its end nor given up."""
    return not (pod.end or pod.failed or _given_up(pod, now))


def _ended(run: CurrentRun, pods: tuple[ObservedPod, ...]) -> Ended | Lost | None:
    ends = [_judge_end(run, pod.end) for pod in pods if pod.end is not None]
    with_result = [end for end in ends if isinstance(end, Ended)]
    return next(iter(with_result or ends), None)


def _judge_end(run: CurrentRun, end: ContainerEnd) -> Ended | Lost:
    result = _read_result(end.message)
    if result is not None and result.run_id == run.id:
        return Ended(result.outcome, result.reason, result.message, result)
    told = ": ".join(text for text in (end.reason, "" if result else end.message) if text)
    how = f"exit code {end.exit_code}" + (f", {told}" if told else "")
    if end.exit_code in {EXIT_INTERNAL_ERROR, EXIT_USAGE_ERROR}:
        return Ended(
            Outcome.FAILED,
            Reason.INTERNAL_ERROR,
            f"the runner ended with an internal error ({how}) and no result",
            database_known=False,
        )
    outcome = outcome_of_exit_code(end.exit_code)
    if outcome is None:
        return Lost(f"the runner's container was ended without a result ({how})")
    return Ended(outcome, outcome.value, f"the runner gave no result, only its {how}")


def _read_result(message: str) -> Result | None:
    try:
        return decode_result(message.encode())
    except DecodeError:
        return None


def _without_container(
    run: CurrentRun, job: ObservedJob | None, pods: tuple[ObservedPod, ...], *, seen_started: bool
) -> Absent | Lost | NeverStarted:
    why = next((pod.failed for pod in pods if pod.failed), "") or (job.over_message if job else "")
    if seen_started:
        what = "the pod of the runner is gone" if not pods else "the pod of the runner failed"
        return Lost(f"{what} ({why})" if why else what)
    if job is None:
        return Absent()
    return NeverStarted(f"Job {run.job_name} ended before its container started ({why or 'gone'})")


def _given_up(pod: ObservedPod, now: datetime) -> bool:
    gone_at = pod.expected_gone_at
    return gone_at is not None and now > gone_at + STUCK_POD_GRACE
