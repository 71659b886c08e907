"""Files begun in steps: from the first step on the ledger knows how they are taken back.

So a run that never comes as far as their end needs no source to go back.
"""

import re
from typing import Final
from uuid import UUID

from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.script import Migration
from meshmigrate.domain.version import Version
from meshmigrate.engine.ledger import history, log
from meshmigrate.engine.ledger.store import Ledger

_MESSAGE: Final = "{name}, rollback script {checksum}"
_READ: Final = re.compile(r"(?P<name>.*), rollback script (?P<checksum>sha256:\w+|none)", re.DOTALL)
_NONE: Final = "none"
_FIND: Final = """
SELECT s.version, s.checksum, l.message
FROM {ledger}.step AS s
CROSS JOIN LATERAL (SELECT l.message FROM {ledger}.log AS l
                    WHERE l.run_id = s.run_id AND l.version = s.version AND l.event = %(event)s
                    ORDER BY l.id DESC LIMIT 1) AS l
WHERE s.run_id = %(run_id)s AND s.direction = 'up'
    AND NOT EXISTS (SELECT FROM {ledger}.applied AS a WHERE a.version = s.version)
ORDER BY s.version::numeric DESC, s.ordinal DESC LIMIT 1
"""


def record(ledger: Ledger, run_id: UUID, migration: Migration) -> None:
    """Write down that a run begins a file in steps, with the first of them; once for each file."""
    if str(migration.version) in log.versions(ledger, run_id, log.STEPS_BEGUN):
        return
    rollback = migration.rollback
    if rollback is not None:
        history.keep(ledger, rollback)
    checksum = rollback.checksum if rollback else _NONE
    entry = log.Entry(
        event=log.STEPS_BEGUN,
        run_id=run_id,
        version=str(migration.version),
        script=migration.script.file,
        message=_MESSAGE.format(name=migration.name, checksum=checksum),
    )
    log.append(ledger, entry)


def find(ledger: Ledger, run_id: UUID) -> AppliedVersion | None:
    """Give the file of which some steps of a run stand, as what would have to be taken back."""
    row = ledger.execute(_FIND, {"run_id": run_id, "event": log.STEPS_BEGUN}).fetchone()
    found = row and _READ.fullmatch(row[2])
    if row is None or not found:
        return None
    rollback = None if found["checksum"] == _NONE else found["checksum"]
    return AppliedVersion(Version(row[0]), found["name"], row[1], rollback, run_id, "applied")
