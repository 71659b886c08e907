"""The ledger's own schema: found, refused, created and upgraded.

Its numbered files are what any user's migrations are: files that the engine applies.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from psycopg.sql import SQL, Identifier, Literal

from meshmigrate.domain.errors import Failure, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.engine import script_left, session
from meshmigrate.engine.ledger import log
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.probe import Server

SCHEMA_MARK: Final = "meshmigrate ledger"
"""What the comment of every ledger schema starts with; such a schema is in no fingerprint."""

_COMMENT: Final = f"{SCHEMA_MARK}: what is applied to this database, and how it went."

_LONGEST_NAME: Final = 63
"""The server cuts longer names (PostgreSQL manual, "Identifiers and Key Words")."""

_FIND = """
SELECT coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), ''),
       EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid),
       o.rolname, o.rolsuper OR o.rolname = session_user
           OR NOT s.rolsuper AND pg_catalog.pg_has_role(session_user, o.oid, 'MEMBER')
FROM pg_catalog.pg_namespace AS n
JOIN pg_catalog.pg_roles AS o ON o.oid = n.nspowner
JOIN pg_catalog.pg_roles AS s ON s.rolname = session_user
WHERE n.nspname = %(schema)s
"""
_VERSION = "SELECT ledger_version FROM {ledger}.meta"
_SET_VERSION = """
INSERT INTO {ledger}.meta AS m (ledger_version, upgraded_at)
VALUES (%(version)s, pg_catalog.clock_timestamp())
ON CONFLICT (id) DO UPDATE
SET ledger_version = excluded.ledger_version, upgraded_at = excluded.upgraded_at
"""


def find_version(ledger: Ledger) -> int:
    """Give the ledger's version: 0 if there is none yet.

    Raises
    ------
    Refusal
        ``LedgerConflict`` if the schema is somebody else's, ``LedgerTooNew`` if this release
        does not know the version.
    """
    _refuse_name(ledger.schema)
    with session.translated():
        found = ledger.connection.execute(_FIND, {"schema": ledger.schema}).fetchone()
        if found is None:
            return 0
        comment, in_use, owner, trusted = found
        if not trusted:
            raise Refusal(
                Reason.LEDGER_CONFLICT,
                f"the schema '{ledger.schema}' belongs to the role {owner}: what stands in it "
                "would run with the rights of this one",
                hint="Connect as its owner, or choose another ledger schema.",
            )
        if not comment.startswith(SCHEMA_MARK):
            if not in_use:
                return 0
            raise Refusal(
                Reason.LEDGER_CONFLICT,
                f"the schema '{ledger.schema}' exists and is not a ledger of meshmigrate",
                hint="Choose another ledger schema, or move what is in that one.",
            )
        version: int = ledger.row(_VERSION)[0]
    newest = len(ledger_scripts())
    if version > newest:
        raise Refusal(
            Reason.LEDGER_TOO_NEW,
            f"the ledger has version {version}, this release knows {newest}",
            hint="Use the release of meshmigrate that wrote it, or a newer one.",
        )
    return version


def _refuse_name(schema: str) -> None:
    """Refuse schemas that are for something else: a ledger's schema is in no fingerprint."""
    taken = schema == "public" or schema.startswith("pg_")
    if taken or not 0 < len(schema.encode()) <= _LONGEST_NAME:
        raise Refusal(
            Reason.LEDGER_CONFLICT,
            f"'{schema}' cannot be a ledger schema",
            hint="Give a schema of its own: not public, not pg_..., of 1 to 63 bytes.",
        )


def is_current(version: int) -> bool:
    """Whether nothing has to be created or upgraded."""
    return version == len(ledger_scripts())


def upgrade(ledger: Ledger, server: Server, version: int) -> bool:
    """Create the ledger, or bring it to this release's version; the lock must be held.

    Returns whether anything had to be done.

    Raises
    ------
    Refusal
        ``PermissionDenied``.
    """
    missing = ledger_scripts()[version:]
    try:
        if missing:
            _apply(ledger, server, missing, create=version == 0)
    except Failure as error:
        if error.reason is not Reason.PERMISSION_DENIED:
            raise
        raise Refusal(
            Reason.PERMISSION_DENIED,
            f"the ledger schema '{ledger.schema}' cannot be made: {error.message}",
            hint="Grant the role CREATE on the database, or let an administrator make the schema, "
            "empty and owned by the role.",
            sqlstate=error.sqlstate,
        ) from error
    return bool(missing)


def _apply(ledger: Ledger, server: Server, scripts: Sequence[Script], *, create: bool) -> None:
    connection, name = ledger.connection, Identifier(ledger.schema)
    with session.transaction(connection):
        if create:
            _create(ledger)
        connection.execute(SQL("SET LOCAL search_path = {}").format(name))
        # Whole: they are ours, and to wait for each of 80 answers takes longer than the rest.
        for script in scripts:
            connection.execute(script.text.encode())
        script_left.leave(connection, server)
        version = len(ledger_scripts())
        ledger.execute(_SET_VERSION, {"version": version})
        log.append(ledger, log.Entry(event="LedgerUpgraded", message=f"to version {version}"))


def _create(ledger: Ledger) -> None:
    connection, name = ledger.connection, Identifier(ledger.schema)
    # IF NOT EXISTS would ask for CREATE on the database even where the schema is there.
    if connection.execute(_FIND, {"schema": ledger.schema}).fetchone() is None:
        connection.execute(SQL("CREATE SCHEMA {}").format(name))
    connection.execute(SQL("COMMENT ON SCHEMA {} IS {}").format(name, Literal(_COMMENT)))
    connection.execute(SQL("REVOKE ALL ON SCHEMA {} FROM PUBLIC").format(name))


@cache
def ledger_scripts() -> tuple[Script, ...]:
    """Give the ledger's migrations, in order: the first brings it to version 1, and so on."""
    folder = _folder()
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple(
        Script(ScriptKind.MIGRATION, f"{folder.name}/{name}", folder.joinpath(name).read_text())
        for name in names
    )


def _folder() -> Traversable:
    """In the wheel they are beside the engine, in a checkout at its root."""
    package = files("meshmigrate")
    installed = package.joinpath("engine", "ledger_migrations")
    return installed if installed.is_dir() else package.joinpath("..", "..", "migrations")
