"""Lost connections in the ledger: what was under way, and what has become of a lost COMMIT."""

from typing import Final, NamedTuple
from uuid import UUID

from meshmigrate.domain.errors import Interruption, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunIdentity
from meshmigrate.engine.in_flight import UNSEEN, Commit, InFlight, Suspicion
from meshmigrate.engine.ledger import log
from meshmigrate.engine.ledger.store import Ledger

_PREFIX: Final = "under way: "
_NOTHING: Final = "no statement of a file"
_TWO: Final = 2
_LAST: Final = """
SELECT event, coalesce(message, '') FROM {ledger}.log
WHERE run_id = %(run_id)s AND event = ANY(%(events)s) ORDER BY id DESC LIMIT 2
"""
_EVENTS: Final = [
    log.CONNECTION_LOST,
    log.APPLIED,
    "Failed",
    log.ROLLED_BACK,
    log.STEPS_ROLLED_BACK,
]
# A crash resets what the server counts (PostgreSQL manual, "The Cumulative Statistics System"), and
# nothing else that happens by itself does. It is the attempt's if that left no word of its end.
_CRASHED: Final = """
SELECT last.attempt
FROM (SELECT attempt, event, at FROM {ledger}.log
      WHERE run_id = %(run_id)s ORDER BY id DESC LIMIT 1) AS last
JOIN pg_catalog.pg_stat_wal AS s ON s.stats_reset > last.at
WHERE last.event <> ALL(%(ends)s)
"""
_ENDS: Final = [log.CONNECTION_LOST, "Interrupted", "LockTimeout", "Refused", "Unreachable"]
_COUNT: Final = """
UPDATE {ledger}.step SET connections_lost = connections_lost + 1
WHERE run_id = %(run_id)s AND state = 'running'
"""
# Every transaction that does a user's work also writes a row of the log or of the journal. A
# number that was never given out since a crash belonged to a transaction that left no trace.
_COMMITTED: Final = """
SELECT CASE WHEN %(transaction)s::xid8 >=
                 pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) THEN 'aborted'
            ELSE pg_catalog.pg_xact_status(%(transaction)s::xid8) END,
       EXISTS (SELECT FROM {ledger}.log AS l
               WHERE l.run_id = %(run_id)s AND l.xmin = %(transaction)s::xid8::xid)
       OR EXISTS (SELECT FROM {ledger}.step AS s
                  WHERE s.run_id = %(run_id)s AND s.xmin = %(transaction)s::xid8::xid)
"""


def record(
    ledger: Ledger, identity: RunIdentity, in_flight: InFlight, error: MigrationError
) -> None:
    """Write down a lost connection, and what was under way."""
    ledger.execute(_COUNT, {"run_id": identity.id})
    log.append(
        ledger,
        log.Entry(
            event=log.CONNECTION_LOST,
            run_id=identity.id,
            attempt=identity.attempt,
            version=str(in_flight.version) if in_flight.version else None,
            script=error.location.file if error.location else None,
            error_code=error.sqlstate or error.reason,
            message=_PREFIX + (in_flight.describe(error) or _NOTHING),
        ),
    )


def record_crash(ledger: Ledger, run_id: UUID) -> None:
    """Write down that an earlier attempt ended together with the server, if one did."""
    crashed = ledger.execute(_CRASHED, {"run_id": run_id, "ends": _ENDS}).fetchone()
    if crashed is None:
        return
    log.append(
        ledger,
        log.Entry(
            event=log.CONNECTION_LOST,
            run_id=run_id,
            attempt=crashed[0],
            error_code=Reason.CONNECTION_LOST,
            message=_PREFIX + UNSEEN,
        ),
    )


class Losses(NamedTuple):
    """What the log knows of lost connections since a run has last got on.

    Parameters
    ----------
    any
        Whether there was one.
    suspicion
        What was under way at the last two.
    """

    any: bool
    suspicion: Suspicion | None


def look_back(ledger: Ledger, run_id: UUID) -> Losses:
    """Look at the last two lost connections of a run, if nothing was applied since."""
    rows = ledger.execute(_LAST, {"run_id": run_id, "events": _EVENTS}).fetchall()
    lost = [row[1] for row in rows if row[0] == log.CONNECTION_LOST]
    messages = [message.removeprefix(_PREFIX) for message in lost]
    both = len(messages) == _TWO and _NOTHING not in messages
    later_lost = bool(rows) and rows[0][0] == log.CONNECTION_LOST
    return Losses(later_lost, Suspicion(messages[1], messages[0]) if both else None)


def was_committed(ledger: Ledger, run_id: UUID, commit: Commit) -> bool:
    """Tell what has become of a transaction whose COMMIT was not answered.

    The rows that it wrote are the durable truth; what the server says of its number has to agree.
    Only on the timeline on which it was begun: elsewhere the number is another transaction's.

    Raises
    ------
    Interruption
        ``CommitUnknown`` if the two contradict each other, which a number given out twice around
        a crash can bring about; the next attempt goes by the rows.
    """
    values = {"transaction": commit.transaction, "run_id": run_id}
    status, written = ledger.row(_COMMITTED, values)
    if status is None or status == ("committed" if written else "aborted"):
        return bool(written)
    raise Interruption(
        Reason.COMMIT_UNKNOWN,
        f"the COMMIT of {commit.file} was not answered; the server calls transaction "
        f"{commit.transaction} {status}, and its rows in the ledger are "
        f"{'there' if written else 'not there'}",
        hint="Run again: the rows decide. If that is not what you see in the database, compare "
        "`meshmigrate status` with it.",
    )
