"""Ends that are not stored with a run: nothing to do, refused, interrupted, out of reach."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from meshmigrate.domain.errors import Failure, Interruption, LockTimeout, MigrationError, Refusal
from meshmigrate.domain.mode import Course
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import PlanSummary, Result, encode_result
from meshmigrate.domain.runspec import RunIdentity
from meshmigrate.domain.version import Version
from meshmigrate.engine import session
from meshmigrate.engine.activity import Activity
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.ending import Ending, failure_detail, rfc3339, rollback_ready, summary
from meshmigrate.engine.events import Event, EventName, Events
from meshmigrate.engine.in_flight import InFlight
from meshmigrate.engine.ledger import history, log, runs
from meshmigrate.engine.ledger.lease import Lease
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.probe import Server
from meshmigrate.engine.stop import interruption
from meshmigrate.engine.wanted import Wanted

_NO_LONGER_OURS: Final = frozenset({Reason.FENCED, Reason.CONNECTION_LOST, Reason.ANOTHER_DATABASE})


@dataclass(slots=True, kw_only=True)
class Known:
    """What an attempt knows so far, and so can tell wherever it ends."""

    identity: RunIdentity
    events: Events
    connection: Connection | None = None
    server: Server | None = None
    ledger: Ledger | None = None
    """Set once there is one in the database: a refusal never creates it."""
    holder: UUID = field(default_factory=uuid4)
    """The token under which it takes the lease, on each of its connections."""
    lease: Lease | None = None
    in_flight: InFlight = field(default_factory=InFlight)
    started: bool = False
    """Whether this attempt has written of its run."""
    begun: bool = False
    """Whether an earlier attempt has, which may have applied files."""
    wanted: Wanted | None = None
    present: tuple[Version, ...] = ()
    """The versions in the history."""
    applied: tuple[str, ...] = ()
    """Those of this run."""
    unfinished: tuple[Run, ...] = ()
    """The runs that have not ended, this one included."""
    lock_wait_seconds: float = 0.0
    activity: Activity = field(default_factory=Activity)
    course: Course | None = None
    """How the run divides its files and could go back; None before that is decided."""

    @property
    def in_ledger(self) -> bool:
        """Whether the ledger has a row of this run: then something of it may be applied."""
        return self.started or self.begun

    def find_run(self, ledger: Ledger) -> Run | None:
        """Give this run as the ledger has it."""
        found = runs.find(ledger, self.identity.id)
        self.begun = found is not None
        return found


def end_up_to_date(known: Known, plan: PlanSummary | None = None) -> Ending:
    """Give the end of an attempt that found nothing to do; it leaves no trace."""
    finished = _leave(known, None)
    current = max(known.present, default=None)
    place = f"at version {current}" if current else "before the first version"
    message = f"nothing to do, the database is {place}"
    return _ending(
        known, Outcome.UP_TO_DATE, Reason.UP_TO_DATE, message, finished=finished, plan=plan
    )


def end_planned(
    known: Known, outcome: Outcome, reason: Reason, message: str, plan: PlanSummary
) -> Ending:
    """Give the end of an attempt that goes no further than its plan; it leaves no trace."""
    finished = _leave(known, None)
    return _ending(known, outcome, reason, message, finished=finished, plan=plan)


def end_dry_run(known: Known, message: str) -> Ending:
    """Give the end of an attempt that only said what it would do."""
    return end_without_run(known, f"dry run, nothing is changed: {message}")


def end_without_run(known: Known, message: str) -> Ending:
    """Give the end of an attempt that was no run, and did what it says."""
    finished = _leave(known, None)
    return _ending(known, Outcome.SUCCEEDED, Reason.SUCCEEDED, message, finished=finished)


def end_early(known: Known, error: MigrationError) -> Ending:
    """Give the end of an attempt that an error ended outside of any file of the user's.

    The error gets a row in the log if there is a ledger that we may still write to.
    """
    error = restated(error, Interruption if known.in_ledger else Refusal)
    finished = None if error.reason in _NO_LONGER_OURS else _try_to_leave(known, error)
    if error.reason is Reason.TERMINATED and known.connection is not None:
        error = _stopped(known)
    return _ending(
        known, error.outcome, error.reason, error.message, finished=finished, error=error
    )


def _stopped(known: Known) -> MigrationError:
    """Say what is so when a run was stopped in order, and how to go on."""
    mine = next((run for run in known.unfinished if run.id == known.identity.id), None)
    if mine is None:
        others = ", ".join(str(run.id) for run in known.unfinished)
        ending = f", while ending what was left unfinished: run {others}" if others else ""
        return interruption(f"stopped before it began anything of its own{ending}", "Run again.")
    count = len(known.applied)
    applied = f"applied by this run so far: {count or 'nothing'}"
    more = f", the last {known.applied[-1]}" if count else ""
    back = mine.way_back is not None
    return interruption(
        f"stopped on its way {'back' if back else 'forward'}; the open transaction was rolled "
        f"back; {applied}{more}",
        "Run again: it finishes the way back first."
        if back
        else "Run again: what is applied stays, the rest follows. A statement outside a "
        "transaction that was cancelled is looked up and made whole by then. "
        f"`--run-id {known.identity.id}` continues this run; another run closes it first.",
    )


def restated(error: MigrationError, kind: type[Interruption | Refusal]) -> MigrationError:
    """Say what a failure of our own statements means: no file failed, so nothing is undone."""
    late = isinstance(error, LockTimeout) and kind is Interruption and error.location is None
    if not (late or isinstance(error, Failure)):
        return error
    return kind(error.reason, error.message, hint=error.hint, sqlstate=error.sqlstate)


def _try_to_leave(known: Known, error: MigrationError) -> datetime | None:
    try:
        return _leave(known, error)
    except MigrationError as problem:
        known.events(Event(name=EventName.LOG_NOT_WRITTEN, message=str(problem), warning=True))
        return None


def _leave(known: Known, error: MigrationError | None) -> datetime | None:
    """Write the log, give back the lease; give the server's time."""
    connection, server, ledger = known.connection, known.server, known.ledger
    if connection is None or server is None:
        return None
    session.roll_back(connection)
    session.reset(connection, server)
    with session.transaction(connection):
        if known.lease is not None:
            known.lease.guard()
            known.lease.give_back()
        if ledger is not None and error is not None:
            known.present = tuple(row.version for row in history.read(ledger))
            known.applied = log.versions(ledger, known.identity.id, log.APPLIED)
            known.unfinished = tuple(runs.unfinished(ledger))
            entry = log.of_error(error.outcome, known.identity, error, outcome=error.outcome)
            log.append(ledger, entry)
        row = connection.execute("SELECT pg_catalog.clock_timestamp()").fetchone()
    return row[0] if row else None


def _ending(
    known: Known,
    outcome: Outcome,
    reason: Reason,
    message: str,
    *,
    finished: datetime | None,
    error: MigrationError | None = None,
    plan: PlanSummary | None = None,
) -> Ending:
    server = known.server
    seconds = (finished - server.clock).total_seconds() if finished and server else 0.0
    result = Result(
        api_version=1,
        run_id=str(known.identity.id),
        attempt=known.identity.attempt,
        outcome=outcome,
        reason=reason,
        message=message,
        started_at=rfc3339(server.clock) if server else "",
        finished_at=rfc3339(finished) if finished else "",
        duration_seconds=round(seconds, 3),
        lock_wait_seconds=round(known.lock_wait_seconds, 3),
        statement_seconds=round(known.activity.statement_seconds, 3),
        # Without a last look at the ledger the counts are old: then nothing is said of it.
        database=server.identity if server and finished else None,
        current_version=str(max(known.present, default="")),
        pending_count=known.wanted.count_pending(known.present) if known.wanted else 0,
        applied=summary(known.applied),
        transaction_mode=known.course.choice.mode if known.course else "",
        rollback_ready=rollback_ready(known.course) if known.course else None,
        failure=failure_detail(error) if error else None,
        plan=plan,
    )
    known.events(Event(name=EventName.FINISHED, message=f"{outcome}: {message}"))
    return Ending(outcome, encode_result(result))
