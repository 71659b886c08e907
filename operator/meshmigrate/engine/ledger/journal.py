"""The journal: which steps of a file are done that no single transaction can hold.

It holds what stands: a step whose effect is gone, or was taken back, has no row.
"""

from dataclasses import asdict, dataclass, replace
from typing import Final, Literal
from uuid import UUID

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.version import Version
from meshmigrate.engine.ledger.store import Ledger

Direction = Literal["up", "down"]

_READ: Final = """
SELECT run_id, version, direction, ordinal, checksum, state = 'done' AS done, object, absent_before
FROM {ledger}.step WHERE version = %(version)s AND direction = %(direction)s ORDER BY ordinal
"""
_BEGUN: Final = "SELECT DISTINCT version FROM {ledger}.step WHERE direction = 'up'"
_OPEN: Final = """
SELECT run_id, version, direction, ordinal, checksum, state = 'done' AS done, object, absent_before
FROM {ledger}.step WHERE run_id = %(run_id)s AND direction = 'up' AND state = 'running'
"""
_WRITE = """
INSERT INTO {ledger}.step AS s
    (run_id, version, direction, ordinal, checksum, state, object, absent_before, started_at,
     finished_at)
VALUES (%(run_id)s, %(version)s, %(direction)s, %(ordinal)s, %(checksum)s,
        CASE WHEN %(done)s THEN 'done' ELSE 'running' END, %(object)s, %(absent_before)s,
        CASE WHEN %(done)s THEN pg_catalog.now() ELSE pg_catalog.clock_timestamp() END,
        CASE WHEN %(done)s THEN pg_catalog.clock_timestamp() END)
ON CONFLICT (run_id, version, direction, ordinal) DO UPDATE
SET state = excluded.state, finished_at = excluded.finished_at
"""
_FORGET = """
DELETE FROM {ledger}.step WHERE run_id = %(run_id)s AND version = %(version)s
    AND direction = %(direction)s AND ordinal = %(ordinal)s
"""
_FORGET_DONE = """
DELETE FROM {ledger}.step
WHERE version = %(version)s AND direction = 'up' AND state = 'done'
"""
# The first steps, by another run, of versions that this run has worked on.
_SHARED: Final = """
SELECT run_id, version, direction, ordinal, checksum, state = 'done' AS done, object, absent_before
FROM {ledger}.step AS s
WHERE s.direction = 'up' AND s.run_id <> %(run_id)s
    AND (EXISTS (SELECT FROM {ledger}.step AS o WHERE o.version = s.version
                 AND o.direction = 'up' AND o.run_id = %(run_id)s)
         OR EXISTS (SELECT FROM {ledger}.applied AS a WHERE a.version = s.version
                    AND a.run_id = %(run_id)s))
ORDER BY s.version::numeric, s.ordinal
"""
_HALF_BACK: Final = """
SELECT s.run_id, s.version, s.direction, s.ordinal, s.checksum, s.state = 'done' AS done, s.object,
       s.absent_before
FROM {ledger}.step AS s JOIN {ledger}.run AS r ON r.id = s.run_id
WHERE s.direction = 'down' AND s.state = 'done' AND r.finished_at IS NOT NULL
ORDER BY s.version::numeric, s.ordinal
"""
_FORGET_DOWN = """
DELETE FROM {ledger}.step WHERE version = %(version)s AND direction = 'down'
"""
_CLEAR = "DELETE FROM {ledger}.step WHERE version = %(version)s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A row of the journal.

    Parameters
    ----------
    ordinal
        The place in the file of the step's first statement, from 1.
    object
        The qualified and quoted name to look up, of a step outside transactions.
    absent_before
        Whether there was no such object when the step began.
    """

    run_id: UUID
    version: str
    direction: Direction
    ordinal: int
    checksum: str
    done: bool
    object: str | None = None
    absent_before: bool | None = None

    def __str__(self) -> str:
        about = f" ({self.object})" if self.object else ""
        return f"statement {self.ordinal}{about}{'' if self.done else ', unfinished'}"


def read(ledger: Ledger, version: Version, direction: Direction) -> list[Step]:
    """Give the steps of a file in order, whichever run did them."""
    return _select(ledger, _READ, {"version": str(version), "direction": direction})


def begun(ledger: Ledger) -> frozenset[str]:
    """Give the versions of which steps are done, or under way."""
    return frozenset(row[0] for row in ledger.execute(_BEGUN))


def unfinished(ledger: Ledger, run_id: UUID) -> list[Step]:
    """Give the step that a run on its way forward was in, if it was in one."""
    return _select(ledger, _OPEN, {"run_id": run_id})


def shared(ledger: Ledger, run_id: UUID) -> list[Step]:
    """Give what others did of the versions that a run has continued rather than begun."""
    return _select(ledger, _SHARED, {"run_id": run_id})


def half_back(ledger: Ledger) -> list[Step]:
    """Give what is done of rollback scripts that never came to their end."""
    return _select(ledger, _HALF_BACK, {})


def write(ledger: Ledger, step: Step) -> None:
    """Record a step as running or as done, in the transaction that is open."""
    ledger.execute(_WRITE, asdict(step))


def finish(ledger: Ledger, step: Step) -> None:
    """Record that a running step turned out to be done."""
    write(ledger, replace(step, done=True))


def forget(ledger: Ledger, step: Step) -> None:
    """Remove a step of which nothing stands."""
    ledger.execute(_FORGET, asdict(step))


def forget_done(ledger: Ledger, version: Version) -> None:
    """Remove the steps that are done of a file on its way forward: it begins anew."""
    ledger.execute(_FORGET_DONE, {"version": str(version)})


def forget_down(ledger: Ledger, version: Version) -> None:
    """Remove the steps of a rollback script: it begins anew."""
    ledger.execute(_FORGET_DOWN, {"version": str(version)})


def clear(ledger: Ledger, version: Version) -> None:
    """Remove the steps of a version that was taken back."""
    ledger.execute(_CLEAR, {"version": str(version)})


def _select(ledger: Ledger, query: str, values: dict[str, object]) -> list[Step]:
    with ledger.connection.cursor(row_factory=class_row(Step)) as cursor:
        composed = SQL(query).format(ledger=Identifier(ledger.schema))
        return cursor.execute(composed, values).fetchall()
