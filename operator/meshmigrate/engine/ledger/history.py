"""The history: which versions the database has, and the scripts that can take them back."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from msgspec import json
from psycopg.rows import TupleRow
from psycopg.sql import SQL

from meshmigrate.domain.plan import AppliedVersion, How
from meshmigrate.domain.script import Migration, Script, ScriptKind
from meshmigrate.domain.version import Version
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.write_back import take_back
from meshmigrate.source.directives import make_script

_KEPT_MIGRATION_BYTES: Final = 1024 * 1024
_MESSAGE_CHARACTERS: Final = 1024 * 1024

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
_KEEP: Final = """
INSERT INTO {ledger}.script (checksum, kind, text)
SELECT s.checksum, s.kind, s.text
FROM pg_catalog.json_to_recordset(%(scripts)s::json) AS s (checksum text, kind text, text text)
ON CONFLICT DO NOTHING
"""
_SCRIPT = "SELECT text FROM {ledger}.script WHERE checksum = %(checksum)s AND kind = %(kind)s"
# A file that runs in steps began with the first of them, all others with the transaction unless
# they share it; a version that is declared present took no time.
_ADD: Final = """
INSERT INTO {ledger}.applied
    (version, ordinal, name, checksum, rollback_checksum, applied_at, duration, run_id, how)
SELECT %(version)s::text, coalesce(max(a.ordinal), 0) + 1, %(name)s::text, %(checksum)s::text,
       %(rollback_checksum)s::text,
       coalesce(%(ended)s::timestamptz, pg_catalog.clock_timestamp()),
       CASE %(how)s::text WHEN 'applied' THEN
           coalesce(%(ended)s::timestamptz, pg_catalog.clock_timestamp()) - coalesce(
               (SELECT min(s.started_at) FROM {ledger}.step AS s
                WHERE s.version = %(version)s::text AND s.direction = 'up'
                    AND s.run_id = %(run_id)s::uuid),
               %(started)s::timestamptz, pg_catalog.now())
       ELSE interval '0' END,
       %(run_id)s::uuid, %(how)s::text
FROM {ledger}.applied AS a
"""
ARRIVED: Final = f"added AS ({_ADD})"
"""Records a version, as part of a statement; takes ``arrival``."""
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
    ledger.write_often(_KEEP, {"scripts": _listed(_scripts(migration))})
    ledger.write_often(_ADD, arrival(migration, run_id, how))


def arrival(
    migration: Migration,
    run_id: UUID,
    how: How,
    *,
    started: str | None = None,
    ended: str | None = None,
) -> dict[str, object]:
    """Give the values of ``ARRIVED``.

    Parameters
    ----------
    started
        When the file began, as the server writes times, if that is not when the transaction did.
    ended
        When it ended, if that is not now.
    """
    script, rollback = migration.script, migration.rollback
    return {
        "version": str(migration.version),
        "name": migration.name,
        "checksum": script.checksum,
        "rollback_checksum": rollback.checksum if rollback else None,
        "run_id": run_id,
        "how": how,
        "started": started,
        "ended": ended,
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
    keep(ledger, *_scripts(migration))
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


def keep_all(ledger: Ledger, migrations: Iterable[Migration]) -> None:
    """Keep the scripts of migrations, many at once: for each by itself that takes far longer."""
    waiting: list[Script] = []
    size = 0
    for script in (each for migration in migrations for each in _scripts(migration)):
        waiting.append(script)
        size += len(script.text)
        if size > _MESSAGE_CHARACTERS:
            ledger.execute(_KEEP, {"scripts": _listed(waiting)})
            waiting, size = [], 0
    keep(ledger, *waiting)


def keep(ledger: Ledger, *scripts: Script) -> None:
    """Keep the texts of scripts."""
    ledger.write(_KEEP, {"scripts": _listed(scripts)})


def _listed(scripts: Sequence[Script]) -> str:
    values = [
        {"checksum": each.checksum, "kind": each.kind.value, "text": each.text} for each in scripts
    ]
    return json.encode(values).decode()


def _scripts(migration: Migration) -> list[Script]:
    """Give what the ledger keeps: the way back always, the way up unless it is large."""
    script = migration.script
    kept = len(script.text.encode()) <= _KEPT_MIGRATION_BYTES
    return [*([script] if kept else []), *([migration.rollback] if migration.rollback else [])]


def _applied(row: TupleRow) -> AppliedVersion:
    version, name, checksum, rollback_checksum, run_id, how = row
    return AppliedVersion(Version(version), name, checksum, rollback_checksum, run_id, how)
