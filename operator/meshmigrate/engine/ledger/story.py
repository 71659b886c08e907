"""The ledger as it is shown: its runs, for whoever only looks."""

from typing import Final
from uuid import UUID

from psycopg.rows import TupleRow
from psycopg.sql import SQL

from meshmigrate.domain.answers import RunSummary
from meshmigrate.engine.ending import rfc3339
from meshmigrate.engine.ledger.store import Ledger

_COLUMNS: Final = SQL(
    "id, attempt, intent, started_at, finished_at, coalesce(outcome, ''), coalesce(reason, ''), "
    "coalesce(result ->> 'message', ''), coalesce(actor, ''), coalesce(resource, '')"
)
_UNFINISHED: Final = (
    "SELECT {columns} FROM {ledger}.run WHERE finished_at IS NULL ORDER BY started_at"
)
_LATEST: Final = (
    "SELECT {columns} FROM {ledger}.run WHERE finished_at IS NOT NULL "
    "ORDER BY finished_at DESC LIMIT %(limit)s"
)
_LEASED_TO: Final = "SELECT run_id FROM {ledger}.lease WHERE backend_pid = %(pid)s"


def unfinished(ledger: Ledger) -> tuple[RunSummary, ...]:
    """Give the runs that have not ended, the oldest first."""
    return tuple(_summary(row) for row in ledger.execute(_UNFINISHED, columns=_COLUMNS))


def latest(ledger: Ledger, limit: int) -> tuple[RunSummary, ...]:
    """Give the runs that ended last, the latest first."""
    rows = ledger.execute(_LATEST, {"limit": limit}, columns=_COLUMNS)
    return tuple(_summary(row) for row in rows)


def leased_to(ledger: Ledger, pid: int) -> UUID | None:
    """Give the run that a server process works for, if it took the lease."""
    row = ledger.execute(_LEASED_TO, {"pid": pid}).fetchone()
    return row[0] if row else None


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
