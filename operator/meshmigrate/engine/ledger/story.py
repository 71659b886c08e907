"""The ledger as it is shown: its runs and its log, for whoever only looks."""

from typing import Final
from uuid import UUID

from psycopg.rows import TupleRow
from psycopg.sql import SQL

from meshmigrate.domain.answers import LogRow, OpenStep, RunSummary
from meshmigrate.engine.ending import rfc3339
from meshmigrate.engine.ledger.store import Ledger

_COLUMNS: Final = SQL(
    "id, attempt, intent, started_at, finished_at, coalesce(outcome, ''), coalesce(reason, ''), "
    "coalesce(result ->> 'message', ''), coalesce(actor, ''), coalesce(resource, '')"
)
_UNFINISHED: Final = (
    "SELECT {columns} FROM {ledger}.run WHERE finished_at IS NULL ORDER BY started_at"
)
_OPEN_STEPS: Final = """
SELECT run_id, version, direction, ordinal, coalesce(object, ''), started_at
FROM {ledger}.step WHERE state = 'running' ORDER BY started_at
"""
_HALF_BACK: Final = """
SELECT s.run_id, s.version, s.direction, s.ordinal, coalesce(s.object, ''), s.started_at
FROM {ledger}.step AS s JOIN {ledger}.run AS r ON r.id = s.run_id
WHERE s.direction = 'down' AND s.state = 'done' AND r.finished_at IS NOT NULL
ORDER BY s.version::numeric, s.ordinal
"""
_LATEST: Final = (
    "SELECT {columns} FROM {ledger}.run WHERE finished_at IS NOT NULL "
    "ORDER BY finished_at DESC LIMIT %(limit)s"
)
_LOG: Final = """
SELECT l.id, l.at, l.event, l.run_id, l.attempt, coalesce(l.version, ''), coalesce(l.script, ''),
       extract(epoch FROM l.duration)::float8, coalesce(l.outcome, ''),
       coalesce(l.error_code, ''), coalesce(l.message, ''), pg_catalog.encode(l.hash, 'hex')
FROM {ledger}.log AS l
WHERE %(run_id)s::uuid IS NULL OR l.run_id = %(run_id)s
ORDER BY l.id DESC LIMIT %(limit)s
"""
_COUNT: Final = "SELECT count(*) FROM {ledger}.log"
_LEASED_TO: Final = "SELECT run_id FROM {ledger}.lease WHERE backend_pid = %(pid)s"


def unfinished(ledger: Ledger) -> tuple[RunSummary, ...]:
    """Give the runs that have not ended, the oldest first."""
    return tuple(_summary(row) for row in ledger.execute(_UNFINISHED, columns=_COLUMNS))


def open_steps(ledger: Ledger) -> tuple[OpenStep, ...]:
    """Give the statements outside transactions that were begun and not verified."""
    return _steps(ledger, _OPEN_STEPS)


def half_back(ledger: Ledger) -> tuple[OpenStep, ...]:
    """Give what is done of rollback scripts whose run ended in the middle of them."""
    return _steps(ledger, _HALF_BACK)


def _steps(ledger: Ledger, query: str) -> tuple[OpenStep, ...]:
    return tuple(
        OpenStep(
            run_id=str(run_id),
            version=version,
            direction=direction,
            ordinal=ordinal,
            object=name,
            started_at=rfc3339(started),
        )
        for run_id, version, direction, ordinal, name, started in ledger.execute(query)
    )


def latest(ledger: Ledger, limit: int) -> tuple[RunSummary, ...]:
    """Give the runs that ended last, the latest first."""
    rows = ledger.execute(_LATEST, {"limit": limit}, columns=_COLUMNS)
    return tuple(_summary(row) for row in rows)


def leased_to(ledger: Ledger, pid: int) -> UUID | None:
    """Give the run that a server process works for, if it took the lease."""
    row = ledger.execute(_LEASED_TO, {"pid": pid}).fetchone()
    return row[0] if row else None


def log_rows(ledger: Ledger, *, run_id: UUID | None, limit: int) -> tuple[LogRow, ...]:
    """Give the last rows of the log, or those of one run, in the order they were written."""
    rows = ledger.execute(_LOG, {"run_id": run_id, "limit": limit}).fetchall()
    return tuple(_log_row(row) for row in reversed(rows))


def count_log(ledger: Ledger) -> int:
    """Count the rows of the log."""
    return int(ledger.row(_COUNT)[0])


def _log_row(row: TupleRow) -> LogRow:
    row_id, at, event, run_id, attempt, version, script, seconds, *rest = row
    outcome, error_code, message, digest = rest
    return LogRow(
        id=row_id,
        at=rfc3339(at),
        event=event,
        run_id=str(run_id or ""),
        attempt=attempt,
        version=version,
        script=script,
        duration_seconds=seconds,
        outcome=outcome,
        error_code=error_code,
        message=message,
        hash=digest,
    )


def _summary(row: TupleRow) -> RunSummary:
    run_id, attempt, intent, started, finished, outcome, reason, message, actor, resource = row
    return RunSummary(
        id=str(run_id),
        attempt=attempt,
        intent=intent,
        started_at=rfc3339(started),
        finished_at=rfc3339(finished) if finished else "",
        outcome=outcome,
        reason=reason,
        message=message,
        actor=actor,
        resource=resource,
    )
