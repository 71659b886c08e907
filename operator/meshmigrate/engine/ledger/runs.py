"""The runs: what each set out to do, how far it got, and how it ended."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from msgspec import json
from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.mode import Mode
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import Plan
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Intent, RunSpec
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.ledger.turning_points import Retreat, WayBack
from meshmigrate.engine.write_back import remember

_COLUMNS: Final = SQL(
    "id, attempt, intent, plan_digest, outcome, failure::text AS failure, "
    "result::text AS result, fingerprint_before, transaction_mode"
)
_FIND: Final = "SELECT {columns} FROM {ledger}.run WHERE id = %(id)s"
_UNFINISHED: Final = (
    "SELECT {columns} FROM {ledger}.run WHERE finished_at IS NULL ORDER BY started_at"
)
_START = """
INSERT INTO {ledger}.run
    (id, attempt, intent, plan_digest, transaction_mode, started_at, actor, commit, ref, run_url,
     resource, fingerprint_before, wal_position, failure)
VALUES (%(id)s, %(attempt)s, %(intent)s, %(plan_digest)s, %(mode)s, pg_catalog.clock_timestamp(),
        %(actor)s, %(commit)s, %(ref)s, %(run_url)s, %(resource)s, %(fingerprint)s,
        pg_catalog.pg_current_wal_lsn(), %(failure)s::json)
"""
_RESUME = """
UPDATE {ledger}.run SET attempt = greatest(attempt + 1, %(attempt)s) WHERE id = %(id)s
RETURNING attempt
"""
_TURN_BACK = """
UPDATE {ledger}.run SET intent = 'undo', failure = %(failure)s::json WHERE id = %(id)s
"""
_FINISH = """
UPDATE {ledger}.run
SET finished_at = pg_catalog.clock_timestamp(), outcome = %(outcome)s, reason = %(reason)s,
    result = %(result)s::json, fingerprint_after = %(fingerprint)s
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the ledger's table of runs."""

    id: UUID
    attempt: int
    intent: Intent
    plan_digest: str | None
    outcome: str | None
    failure: str | None
    result: str | None
    fingerprint_before: str | None
    transaction_mode: Mode | None

    @property
    def finished(self) -> bool:
        """Whether it ended for good."""
        return self.outcome is not None

    @property
    def way_back(self) -> WayBack | None:
        """Why it is on its way back, if it is."""
        return None if self.failure is None else json.decode(self.failure, type=WayBack)


def find(ledger: Ledger, run_id: UUID) -> Run | None:
    """Give a run, if the ledger knows it."""
    return next(iter(_select(ledger, _FIND, {"id": run_id})), None)


def get(ledger: Ledger, run_id: UUID) -> Run:
    """Give a run that was just written."""
    run = find(ledger, run_id)
    if run is None:
        raise RuntimeError("a run that was just written is not there")
    return run


def turned_back(ledger: Ledger, run_id: UUID) -> bool:
    """Whether the ledger knows a run, and knows it on its way back."""
    run = find(ledger, run_id)
    return run is not None and run.way_back is not None


def unfinished(ledger: Ledger) -> list[Run]:
    """Give the runs that have not ended, the oldest first."""
    return _select(ledger, _UNFINISHED, {})


def start(
    ledger: Ledger,
    spec: RunSpec,
    *,
    plan_digest: str | None,
    fingerprint: str | None,
    mode: Mode = "PerFile",
    retreat: Retreat | None = None,
) -> None:
    """Record a run, before its first statement; one that is asked to go back says so."""
    provenance = spec.provenance
    values = {
        "id": spec.run.id,
        "attempt": spec.run.attempt,
        "intent": "undo" if retreat else spec.run.intent,
        "failure": json.encode(retreat).decode() if retreat else None,
        "plan_digest": plan_digest,
        "mode": mode,
        "fingerprint": fingerprint,
        "actor": provenance.actor or None,
        "commit": provenance.commit or None,
        "ref": provenance.ref or None,
        "run_url": provenance.run_url or None,
        "resource": spec.resource or None,
    }
    ledger.execute(_START, values)
    remember(ledger, spec.ledger.write_back)


def resume(ledger: Ledger, run_id: UUID, attempt: int) -> int:
    """Record another attempt of a run, and give its number: higher than any before."""
    row = ledger.row(_RESUME, {"id": run_id, "attempt": attempt})
    return int(row[0])


def refuse_other_plan(run: Run, plan: Plan) -> None:
    """Refuse to continue a run with another plan than it began with.

    Raises
    ------
    Refusal
        ``SourceChanged``.
    """
    if run.plan_digest != plan.digest:
        raise Refusal(
            Reason.SOURCE_CHANGED,
            f"run {run.id} began in another database, or with other files, target, role, search "
            "path, onFailure or transaction mode, than it is given now",
            hint="Continue it with what it began with, or start a new run (without --run-id): that "
            "takes over what this one has applied.",
        )


def turn_back(ledger: Ledger, run_id: UUID, why: WayBack) -> None:
    """Put a run on its way back: from here on it can only end there."""
    ledger.execute(_TURN_BACK, {"id": run_id, "failure": json.encode(why).decode()})


def finish(
    ledger: Ledger,
    run_id: UUID,
    *,
    outcome: Outcome,
    reason: str,
    result: bytes,
    fingerprint: str | None,
) -> None:
    """End a run for good: whoever asks for it again gets this result."""
    values = {
        "id": run_id,
        "outcome": outcome.value,
        "reason": reason,
        "result": result.decode(),
        "fingerprint": fingerprint,
    }
    ledger.execute(_FINISH, values)


def _select(ledger: Ledger, query: str, values: dict[str, UUID]) -> list[Run]:
    with ledger.connection.cursor(row_factory=class_row(Run)) as cursor:
        composed = SQL(query).format(columns=_COLUMNS, ledger=Identifier(ledger.schema))
        return cursor.execute(composed, values).fetchall()
