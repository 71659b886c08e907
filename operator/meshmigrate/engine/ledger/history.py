"""The history: which versions the database has, and the scripts that can take them back."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from psycopg.rows import TupleRow
from psycopg.sql import SQL

from meshmigrate.domain.plan import AppliedVersion, How
from meshmigrate.domain.script import Migration, Script, ScriptKind
from meshmigrate.domain.version import Version
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.write_back import take_back
from meshmigrate.source.directives import make_script

_KEPT_MIGRATION_BYTES: Final = 1024 * 1024

_COLUMNS: Final = SQL("version, name, checksum, rollback_checksum, run_id, how")
_READ: Final = "SELECT {columns} FROM {ledger}.applied ORDER BY ordinal"
_SUM: Final = """
SELECT pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(coalesce(pg_catalog.string_agg(
    a.version || ' ' || a.checksum, ',' ORDER BY a.ordinal), ''), 'UTF8')), 'hex')
FROM {ledger}.applied AS a
"""
_OF_RUN: Final = (
    "SELECT {columns} FROM {ledger}.applied "
    "WHERE run_id = %(run_id)s AND how = 'applied' ORDER BY ordinal DESC"
)
_KEEP_SCRIPT: Final = """
INSERT INTO {ledger}.script (checksum, kind, text)
SELECT %(checksum)s::text, %(kind)s::text, %(text)s::text WHERE %(text)s::text IS NOT NULL
ON CONFLICT DO NOTHING
"""
_SCRIPT = "SELECT text FROM {ledger}.script WHERE checksum = %(checksum)s AND kind = %(kind)s"
# A file that runs in steps began with the first of them, all others with the transaction unless
# they share it; a version that is declared present took no time.
_ADD: Final = """
INSERT INTO {ledger}.applied
    (version, ordinal, name, checksum, rollback_checksum, applied_at, duration, run_id, how)
SELECT %(version)s::text, coalesce(max(a.ordinal), 0) + 1, %(name)s::text, %(checksum)s::text,
       %(rollback_checksum)s::text, pg_catalog.clock_timestamp(),
       CASE %(how)s::text WHEN 'applied' THEN
           pg_catalog.clock_timestamp() - coalesce(
               (SELECT min(s.started_at) FROM {ledger}.step AS s
                WHERE s.version = %(version)s::text AND s.direction = 'up'
                    AND s.run_id = %(run_id)s::uuid),
               %(started)s::timestamptz, pg_catalog.now())
       ELSE interval '0' END,
       %(run_id)s::uuid, %(how)s::text
FROM {ledger}.applied AS a
"""
ARRIVED: Final = f"kept AS ({_KEEP_SCRIPT}), added AS ({_ADD})"
"""Keeps a migration and records its version, as part of a statement; takes ``arrival``."""
_DECLARE: Final = f"WITH {ARRIVED} SELECT"
_ACCEPT = """
UPDATE {ledger}.applied
SET checksum = %(checksum)s, rollback_checksum = coalesce(%(rollback_checksum)s, rollback_checksum)
WHERE version = %(version)s
"""
_REMOVE = "DELETE FROM {ledger}.applied WHERE version = %(version)s AND run_id = %(run_id)s"


def read(ledger: Ledger) -> tuple[AppliedVersion, ...]:
    """Give the history in the order in which it was made."""
    return tuple(map(_applied, ledger.execute(_READ, columns=_COLUMNS).fetchall()))


def is_of(ledger: Ledger, migrations: Iterable[Migration]) -> bool:
    """Whether the history is just these migrations, as they are and in this order.

    Told by a digest: 10,000 rows take longer to fetch than to sum up.
    """
    rows = ",".join(f"{each.version.text} {each.script.checksum}" for each in migrations)
    return bool(ledger.row(_SUM)[0] == hashlib.sha256(rows.encode()).hexdigest())


def of_run(ledger: Ledger, run_id: UUID) -> tuple[AppliedVersion, ...]:
    """Give what a run has applied and not taken back, the last one first."""
    return tuple(
        _applied(row) for row in ledger.execute(_OF_RUN, {"run_id": run_id}, columns=_COLUMNS)
    )


def kept_script(ledger: Ledger, checksum: str, kind: ScriptKind, file: str) -> Script:
    """Give a script that the ledger keeps, by its checksum.

    Raises
    ------
    Refusal
        ``InvalidDirective`` where a later release kept it, which knew more of them.
    """
    values = {"checksum": checksum, "kind": kind.value}
    return make_script(kind, file, ledger.row(_SCRIPT, values)[0])


def find_script(ledger: Ledger, checksum: str, kind: ScriptKind, file: str) -> Script | None:
    """Give a script if the ledger keeps it: a large migration it does not."""
    row = ledger.execute(_SCRIPT, {"checksum": checksum, "kind": kind.value}).fetchone()
    return make_script(kind, file, row[0]) if row else None


def declare(ledger: Ledger, migration: Migration, run_id: UUID, how: How) -> None:
    """Record a version as present, with its scripts, in the transaction that declares it."""
    keep_rollback(ledger, migration)
    ledger.write_often(_DECLARE, arrival(migration, run_id, how))


def arrival(
    migration: Migration, run_id: UUID, how: How, *, started: datetime | None = None
) -> dict[str, object]:
    """Give the values of ``ARRIVED``.

    Parameters
    ----------
    started
        When the file began by the server's clock, if that is not when the transaction did.
    """
    script, rollback = migration.script, migration.rollback
    return {
        "version": str(migration.version),
        "name": migration.name,
        "checksum": script.checksum,
        "kind": script.kind.value,
        "text": script.text if _is_kept(script) else None,
        "rollback_checksum": rollback.checksum if rollback else None,
        "run_id": run_id,
        "how": how,
        "started": started,
    }


def remove(ledger: Ledger, row: AppliedVersion) -> bool:
    """Take a version out of the history, in the transaction that rolled it back.

    Returns whether it was there: a file that failed after some of its steps is not.
    """
    removed = ledger.execute(_REMOVE, {"version": str(row.version), "run_id": row.run_id})
    if ledger.write_back:
        take_back(ledger, row.version)
    return removed.rowcount > 0


def accept(ledger: Ledger, row: AppliedVersion, migration: Migration) -> None:
    """Record other scripts for a version; a rollback script that the source lacks stays."""
    if _is_kept(migration.script):
        keep(ledger, migration.script)
    keep_rollback(ledger, migration)
    rollback = migration.rollback
    values = {
        "version": str(row.version),
        "checksum": migration.script.checksum,
        "rollback_checksum": rollback.checksum if rollback else None,
    }
    ledger.execute(_ACCEPT, values)


def rollback_script(ledger: Ledger, row: AppliedVersion) -> Script | None:
    """Give the rollback script as it was when the version was applied, if it had one.

    The ledger's own copy: the source may have lost or changed it since.
    """
    if row.rollback_checksum is None:
        return None
    file = f"rollbacks/{row.version}_{row.name}.sql"
    return kept_script(ledger, row.rollback_checksum, ScriptKind.ROLLBACK, file)


def keep_rollback(ledger: Ledger, migration: Migration) -> None:
    """Keep the rollback script of a migration, if it has one."""
    if migration.rollback is not None:
        keep(ledger, migration.rollback)


def keep(ledger: Ledger, script: Script) -> None:
    """Keep the text of a script."""
    values = {"checksum": script.checksum, "kind": script.kind.value, "text": script.text}
    ledger.write(_KEEP_SCRIPT, values)


def _is_kept(script: Script) -> bool:
    return len(script.text.encode()) <= _KEPT_MIGRATION_BYTES


def _applied(row: TupleRow) -> AppliedVersion:
    version, name, checksum, rollback_checksum, run_id, how = row
    return AppliedVersion(Version(version), name, checksum, rollback_checksum, run_id, how)
