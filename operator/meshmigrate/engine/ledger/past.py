"""What the log tells of the past: the schema as it was when the history was last the same."""

from collections.abc import Iterable
from typing import Final

from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.engine.ledger import log
from meshmigrate.engine.ledger.store import Ledger

_MOVES: Final = """
SELECT l.event, l.version, l.run_id, r.fingerprint_before, r.fingerprint_after
FROM {ledger}.log AS l JOIN {ledger}.run AS r ON r.id = l.run_id
WHERE l.event = ANY (%(events)s) ORDER BY l.id
"""
_LAST: Final = """
SELECT r.fingerprint_after FROM {ledger}.run AS r
WHERE r.fingerprint_after IS NOT NULL ORDER BY r.finished_at DESC LIMIT 1
"""


def last_left(ledger: Ledger) -> str | None:
    """Give the digest of the schema as the last run that ended left it."""
    row = ledger.execute(_LAST).fetchone()
    return row[0] if row else None


def last_seen(ledger: Ledger, rows: Iterable[AppliedVersion]) -> str | None:
    """Give the digest of the schema when the history last had just these rows.

    Fingerprints are taken when a run starts and when it ends: a version that was passed in the
    middle of a run was never looked at, and gives None.
    """
    wanted = {(str(row.version), row.run_id) for row in rows}
    present: set[tuple[str, object]] = set()
    seen: str | None = None
    events = [*log.ARRIVALS, log.ROLLED_BACK, log.STARTED, log.FINISHED]
    for event, version, run_id, before, after in ledger.execute(_MOVES, {"events": events}):
        if event in log.ARRIVALS:
            present.add((version, run_id))
        elif event == log.ROLLED_BACK:
            present = {row for row in present if row[0] != version}
        elif present == wanted:
            # A run that was cancelled before it began has looked at nothing.
            seen = (before if event == log.STARTED else after) or seen
    return seen
