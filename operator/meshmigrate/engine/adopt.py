"""Adopting the history that Supabase's command line keeps: its versions are imported, never run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.script import Migration
from meshmigrate.domain.version import Version
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.declaration import (
    NOTHING,
    Declaration,
    Declared,
    Situation,
    declared_row,
)
from meshmigrate.engine.ledger import history, log
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.sql.compare import same_statements

_TABLE: Final = "supabase_migrations.schema_migrations"
_EXISTS = "SELECT pg_catalog.to_regclass('supabase_migrations.schema_migrations') IS NOT NULL"
# As JSON, because a table of an early release has no column for the statements.
_READ = """
SELECT t.version, pg_catalog.to_jsonb(t) -> 'statements'
FROM supabase_migrations.schema_migrations AS t
"""

Stored = list[str] | None
"""The statements of a version; None where the table does not have them."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """Which versions are adopted although their files differ, and who says so, and why."""

    accepted: tuple[Version, ...]
    actor: str
    reasons: Mapping[Version, str] = field(default_factory=dict)

    def decide(self, situation: Situation) -> Declaration:
        """Import every version of the table that the history does not have.

        A version that was taken back is none: the table, which nobody told, still has it.

        Raises
        ------
        Refusal
            ``NothingToAdopt``, ``NotApplied`` for an accepted version that the table does not
            have, ``MissingFile``, or ``ChecksumMismatch`` where a file is not what was run.
        """
        table = _read(situation.connection)
        self._refuse_unknown(table)
        known = {str(row.version.number) for row in situation.history}
        if situation.ledger is not None:
            known |= {_number(version) for version in log.taken_back(situation.ledger)}
        new = {version: stored for version, stored in table.items() if version not in known}
        files = _with_files(new, situation.wanted.source.migrations)
        differing = [each for each in files if not _is_as_run(each, new)]
        self._refuse_edited(differing, new)
        if not files:
            return NOTHING
        count = f"{len(files)} {'version' if len(files) == 1 else 'versions'}"
        return Declaration(
            message=f"adopted {count} without running: {_listed(files)}",
            versions=tuple(self._declared(each, edited=each in differing) for each in files),
        )

    def _refuse_unknown(self, table: Mapping[str, Stored]) -> None:
        unknown = [version for version in self.accepted if str(version.number) not in table]
        if unknown:
            raise Refusal(
                Reason.NOT_APPLIED,
                f"{_TABLE} does not have {', '.join(map(str, unknown))}",
                hint="Accept only versions that the table has: others are applied, not adopted.",
            )

    def _refuse_edited(self, differing: list[Migration], table: Mapping[str, Stored]) -> None:
        refused = [each for each in differing if each.version not in self.accepted]
        if refused:
            named = ", ".join(
                f"{each.version}{'' if _stored(each, table) else ' (no statements stored)'}"
                for each in refused
            )
            checksums = ", ".join(f"{each.version} {each.script.checksum}" for each in refused)
            options = " ".join(f"--accept {each.version}" for each in refused)
            raise Refusal(
                Reason.CHECKSUM_MISMATCH,
                f"what {_TABLE} says was run is not what the files say now: {named}",
                hint="Restore the files as they were run; or, where the database already is what "
                f"they say now, accept them: `meshmigrate adopt {options}`, or ledger.accept of "
                f"the resource: {checksums}.",
            )

    def _declared(self, migration: Migration, *, edited: bool) -> Declared:
        by = f" by {self.actor}" if self.actor else ""
        reason = self.reasons.get(migration.version, "")
        why = f": {reason}" if reason else ""
        return Declared(
            event=log.ADOPTED,
            version=str(migration.version),
            file=migration.script.file,
            write=partial(_write, migration),
            message=f"the file differs from what was run; accepted{by}{why}" if edited else None,
            row=declared_row(migration, "adopted"),
        )


def versions(connection: Connection) -> frozenset[int]:
    """Give the numbers of the versions in the table; none where there is no table."""
    numbers = (each for each in _stored_versions(connection)[1] if each.isdigit())
    return frozenset(map(int, numbers))


def _read(connection: Connection) -> dict[str, Stored]:
    """Give the statements by version, written without leading zeros."""
    exists, table = _stored_versions(connection)
    if not table:
        raise Refusal(
            Reason.NOTHING_TO_ADOPT,
            f"{_TABLE} is empty" if exists else f"there is no table {_TABLE}",
            hint="`meshmigrate adopt` is for a database that Supabase's command line migrated; "
            "for any other there is `meshmigrate baseline`.",
        )
    return table


def _stored_versions(connection: Connection) -> tuple[bool, dict[str, Stored]]:
    """Give whether there is a table, and what is in it."""
    with session.translated():
        exists = connection.execute(_EXISTS).fetchone() == (True,)
        rows = connection.execute(_READ).fetchall() if exists else []
    return exists, {_number(version): statements for version, statements in rows}


def _number(text: str) -> str:
    try:
        return str(Version(text).number)
    except ValueError:
        return text


def _with_files(table: Mapping[str, Stored], migrations: tuple[Migration, ...]) -> list[Migration]:
    files = [each for each in migrations if str(each.version.number) in table]
    missing = table.keys() - {str(each.version.number) for each in files}
    if missing:
        raise Refusal(
            Reason.MISSING_FILE,
            f"{_TABLE} has versions without a file: {', '.join(sorted(missing))}",
            hint="Put the files back: the history of a database and its files go together.",
        )
    return files


def _stored(migration: Migration, table: Mapping[str, Stored]) -> Stored:
    return table[str(migration.version.number)]


def _is_as_run(migration: Migration, table: Mapping[str, Stored]) -> bool:
    stored = _stored(migration, table)
    return stored is not None and same_statements(migration.script, stored)


def _listed(migrations: list[Migration]) -> str:
    return ", ".join(str(each.version) for each in migrations)


def _write(migration: Migration, ledger: Ledger, spec: RunSpec) -> None:
    history.declare(ledger, migration, spec.run.id, "adopted")
