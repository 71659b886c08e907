"""A scratch database: made beside another one, and gone afterwards whatever happens.

Its name carries the database from which it was made and a number; the session that made it holds
the advisory lock of that number. So whoever comes next can tell a scratch database in use from
one that a killed process left behind, and removes the latter.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import allow

_PREFIX: Final = "meshmigrate_scratch_"
_LOCK_CLASS: Final = 0x6D657368
"""First half of the lock's key: "mesh" in ASCII."""
_HIGHEST_NUMBER: Final = 2**31 - 1
_DATABASE_SECONDS: Final = 900.0
"""What it may take to make or drop a database: checkpoints are waited for."""
_HERE: Final = """
SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
"""
_LEFT: Final = """
SELECT datname FROM pg_catalog.pg_database
WHERE pg_catalog.starts_with(datname, %s) AND pg_catalog.pg_has_role(datdba, 'USAGE')
ORDER BY datname
"""
_LOCK: Final = "SELECT pg_catalog.pg_try_advisory_lock(%s, %s)"
_UNLOCK: Final = "SELECT pg_catalog.pg_advisory_unlock(%s, %s)"


@contextmanager
def scratch_database(
    connection: Connection, parameters: ConnectionParameters
) -> Iterator[ConnectionParameters]:
    """Make an empty database on the server of a connection, and drop it when the block ends.

    Parameters
    ----------
    connection
        Stays open, outside of a transaction, as long as the database is in use.
    parameters
        Those the connection was made with.

    Raises
    ------
    Refusal
        ``PermissionDenied`` if the role may not make a database.
    """
    prefix = f"{_PREFIX}{_value(connection, _HERE)}_"
    _remove_left(connection, prefix)
    number = secrets.randbelow(_HIGHEST_NUMBER)
    name = f"{prefix}{number}"
    connection.execute(_LOCK, (_LOCK_CLASS, number))
    allow(connection, _DATABASE_SECONDS)
    # template0: what somebody put into template1 is no part of the schema that is copied.
    create = SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(Identifier(name))
    try:
        connection.execute(create)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refusal(
            Reason.PERMISSION_DENIED,
            "the role may not make a scratch database on this server",
            hint="GRANT it: ALTER ROLE ... CREATEDB; or name another server of the same version "
            "with --scratch-url-file.",
        ) from error
    try:
        yield replace(parameters, values={**parameters.values, "dbname": name})
    finally:
        _drop(connection, name)
        connection.execute(_UNLOCK, (_LOCK_CLASS, number))


def _remove_left(connection: Connection, prefix: str) -> None:
    """Drop what a process that was killed has left behind."""
    for (name,) in connection.execute(_LEFT, (prefix,)).fetchall():
        number = name.removeprefix(prefix)
        if not number.isdigit() or int(number) > _HIGHEST_NUMBER:
            continue
        if _value(connection, _LOCK, _LOCK_CLASS, int(number)):
            _drop(connection, name)
            connection.execute(_UNLOCK, (_LOCK_CLASS, int(number)))


def _drop(connection: Connection, name: str) -> None:
    drop = SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name))
    connection.execute(drop)


def _value(connection: Connection, query: str, *values: object) -> object:
    row = connection.execute(query.encode(), values or None).fetchone()
    return row[0] if row else None
