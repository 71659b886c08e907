"""The state of the session: a baseline before each file, our own names before each ledger row.

What a script sets must reach neither the next file nor the ledger: every file written by
pg_dump empties the search path, and a schema on it could offer look-alikes of the functions
and tables that the ledger uses.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg
from psycopg.sql import SQL, Identifier

from meshmigrate.engine.connect import Connection, protection
from meshmigrate.engine.probe import Server
from meshmigrate.engine.server_error import own_error

_RESET: Final = f"""
RESET SESSION AUTHORIZATION;
RESET ROLE;
RESET ALL;
{protection("SET")}
SET idle_session_timeout = 0;
SET default_transaction_isolation = 'read committed';
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
"""
_TRANSACTION_TIMEOUT_SINCE: Final = 17
_RESET_17: Final = "SET transaction_timeout = 0;"
# pg_temp last: unnamed, it is searched first. psycopg reads times only in the ISO style.
_OURS: Final = """
SET search_path = pg_catalog, pg_temp;
SET datestyle = 'ISO, MDY';
SET statement_timeout = '60s';
SET lock_timeout = '10s';
"""
_FORGET: Final = """
DISCARD TEMP;
DEALLOCATE ALL;
UNLISTEN *;
"""


def reset(connection: Connection, server: Server) -> None:
    """Bring the session to its baseline, our own names in force; no transaction may be open."""
    with translated():
        connection.execute((_reset(server) + _OURS + _FORGET).encode())


def enter_script(connection: Connection, server: Server) -> None:
    """Give a script the session as its role would find it, in our transaction."""
    connection.execute((_reset(server) + _role(server) + _search_path(server)).encode())


def look_as_script(connection: Connection, server: Server) -> None:
    """Have the script's role with our own names: for what completes the work of a script."""
    connection.execute((_reset(server) + _OURS + _role(server)).encode())


def leave_script(connection: Connection, server: Server) -> None:
    """Take role, settings and names back from a script, in our transaction."""
    connection.execute((_reset(server) + _OURS).encode())


def _reset(server: Server) -> str:
    return _RESET + _RESET_17 if server.major >= _TRANSACTION_TIMEOUT_SINCE else _RESET


def _role(server: Server) -> str:
    role = server.access.role
    return SQL("SET ROLE {};").format(Identifier(role)).as_string() if role else ""


def _search_path(server: Server) -> str:
    schemas = SQL(", ").join(map(Identifier, server.access.search_path))
    given = SQL("SET search_path = {};").format(schemas).as_string()
    return given if server.access.search_path else ""


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """Run a block in one transaction: committed at its end, rolled back on any error.

    Raises
    ------
    MigrationError
        What the server's error means, for errors of our own statements and of the commit.
    """
    with translated():
        try:
            connection.execute("BEGIN")
            yield
            connection.execute("COMMIT")
        except BaseException:
            roll_back(connection)
            raise


# Definitions read alike whatever role, database or client sets.
_PLAIN_TEXT: Final = """
SET LOCAL search_path = '';
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO, MDY';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL extra_float_digits = 1;
SET LOCAL bytea_output = 'hex';
SET LOCAL quote_all_identifiers = off;
"""


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Run a block of reading against one state of the database, without a search path."""
    with translated():
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            connection.execute(_PLAIN_TEXT)
            yield
        finally:
            roll_back(connection)


@contextmanager
def translated() -> Iterator[None]:
    """Turn an error of the server into what it means for the run."""
    try:
        yield
    except psycopg.Error as error:
        raise own_error(error) from error


def roll_back(connection: Connection) -> None:
    """Roll back what is open; a connection that is gone has been rolled back by the server."""
    with suppress(psycopg.OperationalError):
        connection.execute("ROLLBACK")
