"""Writing what is applied into the history of Supabase's command line too, if that is wanted.

So `supabase migration list` agrees with what is there. A row of that table and what it stands
for commit together, as the ledger's own row does.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.script import Migration
from meshmigrate.domain.version import Version
from meshmigrate.engine.events import Event, EventName, Events
from meshmigrate.engine.session import translated

if TYPE_CHECKING:
    from meshmigrate.engine.ledger.store import Ledger

_TABLE: Final = "supabase_migrations.schema_migrations"
# A trigger on the table would run with our rights, so its owner must be one of ours, as the
# ledger's own must be.
_FIND: Final = """
SELECT o.rolname, o.rolsuper OR o.rolname = session_user
           OR NOT s.rolsuper AND pg_catalog.pg_has_role(session_user, o.oid, 'MEMBER'),
       pg_catalog.has_schema_privilege(c.relnamespace, 'USAGE')
           AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
           AND pg_catalog.has_table_privilege(c.oid, 'INSERT')
           AND pg_catalog.has_table_privilege(c.oid, 'DELETE')
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_roles AS o ON o.oid = c.relowner
JOIN pg_catalog.pg_roles AS s ON s.rolname = session_user
WHERE n.nspname = 'supabase_migrations' AND c.relname = 'schema_migrations'
"""
# Looked at as JSON, as a ledger that is not upgraded yet has no such column.
_REMEMBERED: Final = """
SELECT coalesce((pg_catalog.to_jsonb(m) ->> 'write_back')::boolean, false) FROM {ledger}.meta AS m
"""
_REMEMBER: Final = """
UPDATE {ledger}.meta SET write_back = %(wanted)s WHERE write_back <> %(wanted)s
"""
# A table of an early release has the version alone.
_COLUMNS: Final = """
SELECT a.attname FROM pg_catalog.pg_attribute AS a
WHERE a.attrelid = 'supabase_migrations.schema_migrations'::pg_catalog.regclass
    AND a.attname IN ('version', 'statements', 'name') AND NOT a.attisdropped
"""
_REMOVE: Final = """
DELETE FROM supabase_migrations.schema_migrations WHERE version = %(version)s
"""


def settle_write_back(ledger: "Ledger", spec: RunSpec, events: Events, *, exists: bool) -> "Ledger":
    """Decide whether a run writes back: as it says, or as the ledger remembers; then it is told.

    Parameters
    ----------
    exists
        Whether there is a ledger already.

    Raises
    ------
    Refusal
        What could not be written back, before anything is run.
    """
    wanted = spec.ledger.write_back
    remembered = exists and bool(ledger.row(_REMEMBERED)[0])
    if wanted:
        ledger = replace(ledger, write_back=True)
        _refuse(ledger)
    elif remembered and wanted is not None:
        _tell(events, f"{_TABLE} is not kept up to date any more, as this run says", warning=True)
    elif remembered and _find(ledger) is not None:
        ledger = replace(ledger, write_back=True)
        _refuse(ledger)
        _tell(
            events,
            f"writing into {_TABLE} too, as the ledger remembers; --no-write-back "
            "(ledger.writeBack: false) ends that",
        )
    return ledger


def remember(ledger: "Ledger", wanted: bool | None) -> None:
    """Keep what a run says, for those that say nothing."""
    if wanted is not None:
        ledger.execute(_REMEMBER, {"wanted": wanted})


def _tell(events: Events, message: str, *, warning: bool = False) -> None:
    events(Event(name=EventName.WRITING_BACK, message=message, warning=warning))


def _find(ledger: "Ledger") -> TupleRow | None:
    with translated():
        return ledger.connection.execute(_FIND).fetchone()


def _refuse(ledger: "Ledger") -> None:
    """Refuse what could not be written back.

    Raises
    ------
    Refusal
        ``NothingToAdopt`` where there is no such table, ``LedgerConflict`` where it belongs to a
        stranger, ``PermissionDenied``.
    """
    found = _find(ledger)
    if found is None:
        raise Refusal(
            Reason.NOTHING_TO_ADOPT,
            f"there is no table {_TABLE} to write back to",
            hint="Say --no-write-back (ledger.writeBack: false), or let Supabase's command line "
            "make the table.",
        )
    owner, trusted, allowed = found
    if not trusted:
        raise Refusal(
            Reason.LEDGER_CONFLICT,
            f"{_TABLE} belongs to the role {owner}: its triggers would run with the rights of "
            "this one",
            hint="Connect as its owner, or say --no-write-back (ledger.writeBack: false).",
        )
    if not allowed:
        raise Refusal(
            Reason.PERMISSION_DENIED,
            f"the role may not write to {_TABLE}",
            hint="Grant it USAGE on the schema and SELECT, INSERT and DELETE on the table, or "
            "say --no-write-back (ledger.writeBack: false).",
        )


def write_back(ledger: "Ledger", migration: Migration) -> None:
    """Add a version that is just being applied; one that is there already stays as it is."""
    from meshmigrate.sql.split import split  # noqa: PLC0415  the parser is imported when needed: 40 ms

    values = {
        "version": str(migration.version),
        "statements": [statement.text for statement, _ in split(migration.script)],
        "name": migration.name,
    }
    columns = [row[0] for row in ledger.connection.execute(_COLUMNS)]
    insert = SQL(
        "INSERT INTO supabase_migrations.schema_migrations ({columns}) VALUES ({values}) "
        "ON CONFLICT DO NOTHING"
    ).format(
        columns=SQL(", ").join(map(Identifier, columns)),
        values=SQL(", ").join(SQL("%s") for _ in columns),
    )
    ledger.connection.execute(insert, [values[column] for column in columns])


def take_back(ledger: "Ledger", version: Version) -> None:
    """Remove a version that is just being rolled back."""
    ledger.connection.execute(_REMOVE, {"version": str(version)})
