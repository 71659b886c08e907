"""The migration log: append-only, each row chained to the one before by its hash.

Times and hashes are the server's own, so that whoever can read the table can verify it.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final, LiteralString
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import RunIdentity
from meshmigrate.domain.version import Version
from meshmigrate.engine.ledger.store import Bound, Ledger

# One canonical text per row: a JSON array of its columns; jsonb has one way of writing a value,
# and times go in as seconds, which no setting of the session changes.
_CONTENT: Final = """
    pg_catalog.sha256(r.previous_hash || pg_catalog.convert_to(pg_catalog.jsonb_build_array(
        r.id, extract(epoch FROM r.at), r.run_id, r.attempt, r.version, r.script, r.event,
        extract(epoch FROM r.duration), r.outcome, r.error_code, r.message)::text, 'UTF8'))
"""
_ROW: Final = """
r AS (
    SELECT h.last_id + 1 AS id, t.at,
           %(run_id)s::uuid AS run_id, %(attempt)s::integer AS attempt,
           %(version)s::text AS version, %(script)s::text AS script, %(event)s::text AS event,
           CASE WHEN %(timed)s::boolean
               THEN t.at - coalesce(%(started)s::timestamptz, pg_catalog.now()) END AS duration,
           %(outcome)s::text AS outcome, %(error_code)s::text AS error_code,
           %(message)s::text AS message, h.hash AS previous_hash
    FROM {ledger}.log_head AS h, (SELECT coalesce(%(ended)s::timestamptz,
        pg_catalog.clock_timestamp()) AS at) AS t
    WHERE h.id = 1 FOR UPDATE OF h
), appended AS (
    INSERT INTO {ledger}.log
    SELECT r.*, {content} FROM r RETURNING id, hash
)
UPDATE {ledger}.log_head AS h SET last_id = a.id, hash = a.hash FROM appended AS a WHERE h.id = 1
""".replace("{content}", _CONTENT)
_APPEND: Final = f"WITH {_ROW}"
_BROKEN: Final = """
WITH r AS (
    SELECT l.*, coalesce(lag(l.hash) OVER (ORDER BY l.id), '') AS expected_previous,
           row_number() OVER (ORDER BY l.id) AS expected_id
    FROM {ledger}.log AS l
)
SELECT r.id FROM r
WHERE r.id <> r.expected_id OR r.previous_hash <> r.expected_previous OR r.hash <> {content}
UNION ALL
SELECT coalesce(h.last_id, l.id, 0) FROM (VALUES (1)) AS one (id)
LEFT JOIN {ledger}.log_head AS h ON h.id = one.id
LEFT JOIN (SELECT id, hash FROM {ledger}.log ORDER BY id DESC LIMIT 1) AS l ON true
WHERE (h.last_id, h.hash) IS DISTINCT FROM (coalesce(l.id, 0), coalesce(l.hash, ''))
ORDER BY 1 LIMIT 1
""".replace("{content}", _CONTENT)
_VERSIONS = """
SELECT version FROM {ledger}.log
WHERE run_id = %(run_id)s AND event = %(event)s ORDER BY id
"""

_HAS = "SELECT EXISTS (SELECT FROM {ledger}.log WHERE event = %(event)s)"
_TAKEN_BACK = "SELECT DISTINCT version FROM {ledger}.log WHERE event = %(event)s"

APPLIED: Final = "Applied"
BASELINED: Final = "Baselined"
ADOPTED: Final = "Adopted"
ARRIVALS: Final = (APPLIED, BASELINED, ADOPTED)
"""A version has come into the history."""
STARTED: Final = "Started"
FINISHED: Final = "Finished"
HAZARD: Final = "Hazard"
CANCELLING: Final = "Cancelling"
ROLLED_BACK: Final = "RolledBack"
STEPS_BEGUN: Final = "StepsBegun"
STEPS_ROLLED_BACK: Final = "StepsRolledBack"
CONNECTION_LOST: Final = "ConnectionLost"


class Entry(Struct, frozen=True, kw_only=True):
    """One row to write.

    It is of now, or of ``ended``; ``timed`` gives it the duration since ``started``, or since the
    transaction began. Both times are as the server writes them.
    """

    event: str
    run_id: UUID | None = None
    attempt: int | None = None
    version: str | None = None
    script: str | None = None
    outcome: str | None = None
    error_code: str | None = None
    message: str | None = None
    timed: bool = False
    started: str | None = None
    ended: str | None = None


def of_error(
    event: str,
    run: RunIdentity,
    error: MigrationError,
    *,
    outcome: Outcome,
    version: Version | None = None,
    script: str | None = None,
) -> Entry:
    """Give the row that tells of an error; the script is the one at its place, if no other."""
    return Entry(
        event=event,
        run_id=run.id,
        attempt=run.attempt,
        version=str(version) if version else None,
        script=script or (error.location.file if error.location else None),
        outcome=outcome,
        error_code=error.sqlstate or error.reason,
        message=str(error),
    )


def append(ledger: Ledger, entry: Entry) -> None:
    """Add a row to the chain, in the transaction that is open."""
    ledger.write_often(_APPEND, asdict(entry))


def row_with(
    ledger: Ledger, parts: LiteralString, entry: Entry, values: Mapping[str, object]
) -> Bound:
    """Give a statement that adds a row and does more: one costs each file less than two.

    Parameters
    ----------
    parts
        What else it does, as named parts of it; none of its values may be another here.
    """
    return ledger.bind(_with_row(parts), {**values, **asdict(entry)})


@cache
def _with_row(parts: LiteralString) -> LiteralString:
    return f"WITH {parts}, {_ROW}"


def find_break(ledger: Ledger) -> int | None:
    """Give the id of the first row that does not fit the chain; None if all of them do."""
    row = ledger.execute(_BROKEN).fetchone()
    return None if row is None else int(row[0])


def has(ledger: Ledger, event: str) -> bool:
    """Whether the log tells of an event of this name."""
    return bool(ledger.row(_HAS, {"event": event})[0])


def taken_back(ledger: Ledger) -> frozenset[str]:
    """Give the versions that were ever rolled back."""
    rows = ledger.execute(_TAKEN_BACK, {"event": ROLLED_BACK})
    return frozenset(row[0] for row in rows)


def versions(ledger: Ledger, run_id: UUID, event: str) -> tuple[str, ...]:
    """Give the versions of which the log says this event of the run, in order."""
    rows = ledger.execute(_VERSIONS, {"run_id": run_id, "event": event})
    return tuple(row[0] for row in rows)
