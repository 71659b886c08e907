"""Storing the end of a run: last run, history, what the database has, and the conditions."""

from typing import Final

from msgspec.structs import replace

from meshmigrate.controller.attempt import Ended
from meshmigrate.controller.clock import format_time, seconds_between
from meshmigrate.controller.conditions import Verdict, with_rollback_ready, with_verdict
from meshmigrate.controller.observed import Observed
from meshmigrate.controller.report import (
    describe_approval,
    describe_end,
    failure_of,
    plan_of,
    proof_of,
    range_of,
)
from meshmigrate.controller.run_status import CurrentRun, HistoryEntry, LastRun
from meshmigrate.controller.status import HISTORY_LENGTH, DatabaseStatus, Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result

SUPERSEDED: Final = "Superseded"
"""The outcome, in the status only, of a run that an edit replaced before it had started."""


def close_run(observed: Observed, run: CurrentRun, end: Ended) -> Status:
    """Store an end for good; the conditions tell it in the same write."""
    result = end.result
    started = (result.started_at if result else "") or run.started_at
    finished = (result.finished_at if result else "") or format_time(observed.now)
    last = LastRun(
        id=run.id,
        number=run.number,
        attempts=run.attempt,
        spec_hash=run.spec_hash,
        outcome=end.outcome.value,
        reason=end.reason,
        started_at=started,
        finished_at=finished,
        duration_seconds=result.duration_seconds
        if result
        else seconds_between(run.started_at, observed.now),
        lock_wait_seconds=result.lock_wait_seconds if result else 0.0,
        statement_seconds=result.statement_seconds if result else 0.0,
        transaction_mode=result.transaction_mode if result else "",
        applied=range_of(result.applied if result else None),
        rolled_back=range_of(result.rolled_back if result else None),
        fingerprint=proof_of(result),
        failure=failure_of(end),
        differences=result.differences if result else (),
        trace_id=run.trace_id,
    )
    status = replace(_remember(observed.resource.status, last), plan=plan_of(result, run.number))
    if result is not None:
        known = _with_database(status, result)
        status = with_rollback_ready(observed, known, result.rollback_ready)
    if end.outcome is Outcome.AWAITING_APPROVAL:
        return with_verdict(
            observed,
            Verdict.HELD_UP,
            end.outcome.value,
            end.reason,
            describe_approval(end, observed.resource.key),
            status=status,
        )
    done = end.outcome.succeeded
    return with_verdict(
        observed,
        Verdict.DONE if done else Verdict.ENDED_BADLY,
        Outcome.SUCCEEDED.value if done else end.outcome.value,
        end.reason,
        describe_end(end),
        status=status,
    )


def close_superseded(observed: Observed, run: CurrentRun) -> Status:
    """Store that an edit replaced a run; what it may have begun, the next run finds out."""
    last = LastRun(
        id=run.id,
        number=run.number,
        attempts=run.attempt,
        spec_hash=run.spec_hash,
        outcome=SUPERSEDED,
        reason=Reason.SUPERSEDED,
        started_at=run.started_at,
        finished_at=format_time(observed.now),
        duration_seconds=seconds_between(run.started_at, observed.now),
        trace_id=run.trace_id,
    )
    return _remember(observed.resource.status, last)


def show_last_run(observed: Observed, last: LastRun) -> Status:
    """Give the status of a resource at rest, after something else had been shown."""
    done = last.outcome in {Outcome.SUCCEEDED, Outcome.UP_TO_DATE}
    waits = last.outcome == Outcome.AWAITING_APPROVAL
    said = f": {last.failure.message}" if last.failure else ""
    return with_verdict(
        observed,
        Verdict.DONE if done else Verdict.HELD_UP if waits else Verdict.ENDED_BADLY,
        Outcome.SUCCEEDED.value if done else last.outcome,
        last.reason,
        f"run {last.number} ended as {last.outcome} at {last.finished_at}{said}",
    )


def _remember(status: Status, last: LastRun) -> Status:
    entry = HistoryEntry(
        number=last.number,
        id=last.id,
        outcome=last.outcome,
        reason=last.reason,
        finished_at=last.finished_at,
        duration_seconds=last.duration_seconds,
    )
    history = (entry, *status.history)[:HISTORY_LENGTH]
    return replace(status, current_run=None, last_run=last, history=history)


def _with_database(status: Status, result: Result) -> Status:
    """Take over what the runner saw; a run that ended before it looked leaves what is known."""
    if result.database is None:
        return status
    return replace(
        status,
        current_version=result.current_version,
        pending_count=result.pending_count,
        database=DatabaseStatus(
            name=result.database.name, system_identifier=result.database.system_identifier
        ),
    )
