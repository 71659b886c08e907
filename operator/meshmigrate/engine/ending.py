"""How a run ends: the result is built here, and stored with the run in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.mode import Course
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import (
    FailureDetail,
    Fingerprints,
    Result,
    RollbackReady,
    Versions,
    decode_result,
    encode_result,
)
from meshmigrate.domain.runspec import Policy, RunIdentity
from meshmigrate.domain.version import Version
from meshmigrate.engine import session
from meshmigrate.engine.clock import Clock
from meshmigrate.engine.deadlines import Deadlines
from meshmigrate.engine.events import Event, EventName, Events
from meshmigrate.engine.executor import Executor
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint
from meshmigrate.engine.ledger import history, log, runs
from meshmigrate.engine.ledger.lease import Lease
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.ledger.turning_points import Retreat, TurningPoint
from meshmigrate.engine.probe import Server
from meshmigrate.engine.wanted import Wanted


@dataclass(frozen=True, slots=True)
class Ending:
    """What an attempt gives out: its outcome, and the result as it is stored and shown."""

    outcome: Outcome
    encoded: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a run ended, before it is written down."""

    outcome: Outcome
    reason: str
    message: str
    failure: FailureDetail | None = None
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedRun:
    """What an attempt works with while it holds the lock."""

    identity: RunIdentity
    wanted: Wanted
    ledger: Ledger
    server: Server
    lease: Lease
    executor: Executor
    deadlines: Deadlines
    events: Events
    lock_wait_seconds: float
    course: Course | None = None
    """How it goes forward and could go back; None before that is decided."""

    @property
    def policy(self) -> Policy:
        """The run's policy."""
        return self.executor.policy

    @property
    def clock(self) -> Clock:
        """The run's clock."""
        return self.executor.clock


def failure_detail(error: MigrationError, version: Version | None = None) -> FailureDetail:
    """Give an error as a part of the result."""
    place = error.location
    return FailureDetail(
        message=error.message,
        hint=error.hint,
        version=str(version) if version else "",
        file=place.file if place else "",
        line=place.line if place else None,
        column=place.column if place else None,
        sqlstate=error.sqlstate or "",
        statement=error.statement or "",
    )


def finish(
    locked: LockedRun,
    identity: RunIdentity,
    verdict: Verdict,
    *,
    after: Fingerprint | None,
    entries: Sequence[log.Entry] = (),
    record: Callable[[], None] = lambda: None,
) -> Ending:
    """End a run for good: result, fingerprint, outcome and log rows in one transaction.

    The run may be another one than the one that works: then the lease stays.

    Parameters
    ----------
    after
        The schema as it is now; None where nobody has to know.
    entries
        Rows for the log, to come before the one that says how the run ended.
    record
        Writes what else belongs into that transaction, before anything of the end.
    """
    ledger = locked.ledger
    session.reset(ledger.connection, locked.server)
    with session.transaction(ledger.connection):
        locked.lease.guard()
        record()
        digest = catalog.keep(ledger, after) if after else None
        run = runs.get(ledger, identity.id)
        encoded = encode_result(_result(locked, identity, verdict, run, digest))
        runs.finish(
            ledger,
            identity.id,
            outcome=verdict.outcome,
            reason=verdict.reason,
            result=encoded,
            fingerprint=digest,
        )
        for entry in (*entries, _last_entry(identity, verdict)):
            log.append(ledger, entry)
        if identity.id == locked.identity.id:
            locked.lease.give_back()
    locked.events(Event(name=EventName.FINISHED, message=f"{verdict.outcome}: {verdict.message}"))
    return Ending(verdict.outcome, encoded)


def stored_ending(found: Run | None) -> Ending | None:
    """Give the result of a run that has ended: it is never executed again, whoever asks."""
    if found is None or found.result is None:
        return None
    encoded = found.result.encode()
    return Ending(decode_result(encoded).outcome, encoded)


def _last_entry(identity: RunIdentity, verdict: Verdict) -> log.Entry:
    return log.Entry(
        event=log.FINISHED,
        run_id=identity.id,
        attempt=identity.attempt,
        outcome=verdict.outcome,
        error_code=None if verdict.outcome.succeeded else verdict.reason,
        message="\n".join((verdict.message, *verdict.differences)),
    )


def _result(
    locked: LockedRun, identity: RunIdentity, verdict: Verdict, run: Run, digest: str | None
) -> Result:
    ledger = locked.ledger
    now: datetime = ledger.row("SELECT pg_catalog.clock_timestamp()")[0]
    present = [row.version for row in history.read(ledger)]
    mode, ready = _course_of(locked, run)
    return Result(
        api_version=1,
        run_id=str(identity.id),
        attempt=identity.attempt,
        outcome=verdict.outcome,
        reason=verdict.reason,
        message=verdict.message,
        started_at=rfc3339(locked.server.clock),
        finished_at=rfc3339(now),
        duration_seconds=round((now - locked.server.clock).total_seconds(), 3),
        lock_wait_seconds=round(locked.lock_wait_seconds, 3),
        statement_seconds=round(locked.executor.activity.statement_seconds, 3),
        database=locked.server.identity,
        current_version=str(max(present, default="")),
        pending_count=locked.wanted.count_pending(present),
        applied=summary(log.versions(ledger, identity.id, log.APPLIED)),
        rolled_back=summary(log.versions(ledger, identity.id, log.ROLLED_BACK)),
        transaction_mode=mode,
        rollback_ready=ready,
        fingerprint=_fingerprints(run, digest),
        failure=verdict.failure,
        differences=verdict.differences,
    )


def _course_of(locked: LockedRun, run: Run) -> tuple[str, RollbackReady | None]:
    """Give the mode of a run and its way back, as they were known before its first statement."""
    if isinstance(run.way_back, TurningPoint):
        return run.transaction_mode or "", run.way_back.rollback_ready
    if locked.course is None or run.id != locked.identity.id:
        return "", None
    return locked.course.choice.mode, rollback_ready(locked.course)


def _fingerprints(run: Run, after: str | None) -> Fingerprints | None:
    if run.fingerprint_before is None or after is None:
        return None
    return Fingerprints(before=run.fingerprint_before, after=after, expected=_expected(run))


def _expected(run: Run) -> str:
    match run.way_back:
        case TurningPoint():
            return run.fingerprint_before or ""
        case Retreat(proof=proof):
            return proof or ""
    return ""


def rollback_ready(course: Course) -> RollbackReady:
    """Say whether a run can be taken back, as results and plans do."""
    way, message = course.rollback.way, course.rollback.message
    return RollbackReady(ready=way.ready, reason=way, message=message)


def rfc3339(moment: datetime) -> str:
    """Write a moment in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def summary(versions: tuple[str, ...]) -> Versions:
    """Say how many versions there are, and both ends."""
    if not versions:
        return Versions()
    return Versions(count=len(versions), first=versions[0], last=versions[-1])
