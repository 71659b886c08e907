"""What starts a run, and how one begins: with its place in the status, before it has a Job."""

import dataclasses
from typing import Any
from uuid import UUID

from msgspec import to_builtins
from msgspec.structs import replace

from meshmigrate.controller import names
from meshmigrate.controller.admission import DENIALS, Denial
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.closing import SUPERSEDED, close_superseded
from meshmigrate.controller.conditions import Verdict, with_verdict, without_rollback_ready
from meshmigrate.controller.database_queue import find_blocker, with_place_in_queue
from meshmigrate.controller.observed import Observed, ObservedResource
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.controller.status import Status
from meshmigrate.controller.suspending import hold_back
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.trace_context import TraceContext


def is_run_wanted(resource: ObservedResource) -> bool:
    """Say whether spec or annotation ask for a run other than the latest.

    A hash that differs although nobody has edited the spec is that of another release of the
    operator: it starts nothing, or two releases side by side would outdo each other for ever.
    """
    status, spec = resource.status, resource.spec
    if spec is None:
        return False
    latest = status.current_run or status.last_run
    if latest is None or resource.run_request not in {"", status.last_run_request}:
        return True
    if status.current_run is None and status.last_run and status.last_run.outcome == SUPERSEDED:
        return True
    denied = status.current_run is None and status.ready_reason in DENIALS
    edited = denied or resource.generation != status.observed_generation
    return edited and latest.spec_hash != resource.spec_hash


def replace_run(observed: Observed, run: CurrentRun) -> Status:
    """Close a run that has no container at work, and start the one that is wanted now."""
    resource = observed.resource
    closed = close_superseded(observed, run)
    if resource.spec is None:
        return closed
    if resource.suspended:
        return hold_back(observed, closed)
    before = run.id if run.begun else run.supersedes
    return start_run(observed, resource.spec, closed, supersedes=before)


def start_run(
    observed: Observed,
    spec: MigrationSpec,
    status: Status | None = None,
    *,
    supersedes: str = "",
) -> Status:
    """Give the status of a run that begins, or queues up behind others on the same database.

    A spec that may not have a pod is refused instead; as soon as it may, its run starts.
    """
    resource = observed.resource
    status = status or resource.status
    if observed.denial is not None:
        return _deny(observed, observed.denial, status)
    last = status.last_run
    number = status.run_number + 1
    run_id = names.run_id(resource.uid, number, resource.spec_hash, resource.run_request)
    run = CurrentRun(
        id=str(run_id),
        number=number,
        attempt=1,
        intent="plan" if spec.mode == "Plan" else "apply",
        job_name=names.job_name(resource.key.name, resource.uid, number, 1),
        spec_hash=resource.spec_hash,
        started_at=format_time(observed.now),
        spec=_copy_of(spec),
        supersedes=supersedes or (last.id if last else ""),
        traceparent=_traceparent(observed, run_id),
    )
    started = replace(
        without_rollback_ready(status),
        run_number=number,
        current_run=run,
        last_run_request=resource.run_request,
    )
    blocker = find_blocker(observed)
    if blocker is not None:
        return with_place_in_queue(observed, blocker, run, status=started, late=False)
    return with_verdict(
        observed,
        Verdict.IN_PROGRESS,
        "Pending",
        Reason.PENDING,
        f"run {number} is being started",
        status=started,
    )


def next_attempt(resource: ObservedResource, run: CurrentRun) -> CurrentRun:
    """Give the run with its next attempt in flight."""
    attempt = run.attempt + 1
    return replace(
        run,
        attempt=attempt,
        job_name=names.job_name(resource.key.name, resource.uid, run.number, attempt),
        attempt_started_at="",
        cannot_start=False,
    )


def _traceparent(observed: Observed, run_id: UUID) -> str:
    """Give the span of a run, below that of whoever asked for it; empty if there are no traces."""
    given = observed.resource.traceparent
    if given is None and not observed.traced:
        return ""
    own = TraceContext.of_run(run_id)
    return str(own if given is None else dataclasses.replace(given, span_id=own.span_id))


def _deny(observed: Observed, denial: Denial, status: Status) -> Status:
    return with_verdict(
        observed,
        Verdict.ENDED_BADLY,
        Outcome.REFUSED.value,
        denial.reason,
        denial.message,
        status=status,
        without_run=True,
    )


def _copy_of(spec: MigrationSpec) -> dict[str, Any]:
    copy: dict[str, Any] = to_builtins(spec)
    return copy
