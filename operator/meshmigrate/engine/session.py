"""The state of the session: a baseline before each file, our own names before each ledger row.

What a script sets must reach neither the next file nor the ledger: every file written by
pg_dump empties the search path, and a schema on it could offer look-alikes of the functions
and tables that the ledger uses.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Final

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier

from meshmigrate.engine.connect import Connection, protection
from meshmigrate.engine.deferred import (
    BEGIN,
    COMMIT,
    Prepared,
    WorkingConnection,
    allow,
    defer,
    drop_transaction,
    is_waiting,
    send_waiting,
)
from meshmigrate.engine.probe import Server
from meshmigrate.engine.server_error import own_error
from meshmigrate.engine.silence import OURS_SECONDS

_RESET: Final = f"""
RESET SESSION AUTHORIZATION;
RESET ROLE;
RESET ALL;
{protection("SET")}
SET idle_session_timeout = 0;
SET default_transaction_isolation = 'read committed';
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
""".encode()
_TRANSACTION_TIMEOUT_SINCE: Final = 17
_RESET_17: Final = b"SET transaction_timeout = 0;"
# pg_temp last: unnamed, it is searched first. psycopg reads times only in the ISO style.
_OURS: Final = f"""
SET search_path = pg_catalog, pg_temp;
SET datestyle = 'ISO, MDY';
SET statement_timeout = '{OURS_SECONDS:g}s';
SET lock_timeout = '10s';
""".encode()
_FORGET: Final = b"""
CLOSE ALL;
DISCARD TEMP;
UNLISTEN *;
"""
_FORGET_PREPARED: Final = b"DEALLOCATE ALL;"

_TAKE_BACK_OURS: Final = b"""
RESET search_path;
RESET datestyle;
RESET statement_timeout;
RESET lock_timeout;
"""


def reset(connection: Connection, server: Server) -> None:
    """Bring the session to its baseline, our own names in force."""
    allow(connection, OURS_SECONDS)
    with translated():
        if _is_at_baseline(connection):
            defer(connection, _in_a_transaction_of_its_own(connection, _FORGET))
        else:
            connection.execute(taking_back(server) + _FORGET + _FORGET_PREPARED)
            _forget_prepared(connection)
    mark(connection, at_baseline=True)


def enter_script(connection: Connection, server: Server) -> None:
    """Give a script the session as its role would find it, in our transaction."""
    its_own = _of_script(server.access.role, server.access.search_path)
    if _is_at_baseline(connection):
        mark(connection, at_baseline=False)
        defer(connection, _TAKE_BACK_OURS + its_own)
    else:
        connection.execute(_reset(server.major) + its_own)


def look_as_script(connection: Connection, server: Server) -> None:
    """Have the script's role with our own names: for what completes the work of a script."""
    mark(connection, at_baseline=False)
    connection.execute(taking_back(server) + _role(server.access.role).encode())


def taking_back(server: Server) -> bytes:
    """Give the statements that take role, settings and names back from a script."""
    return _reset(server.major) + _OURS


def forget_prepared(connection: Connection) -> None:
    """Remove what is prepared in the session, with the next message."""
    defer(connection, _FORGET_PREPARED)
    _forget_prepared(connection)


def _forget_prepared(connection: Connection) -> None:
    if isinstance(connection, WorkingConnection):
        connection.prepared = Prepared()


def _is_at_baseline(connection: Connection) -> bool:
    return isinstance(connection, WorkingConnection) and connection.at_baseline


def mark(connection: Connection, *, at_baseline: bool) -> None:
    """Take note whether the session is as we want it; then our own timeouts are in force."""
    allow(connection, OURS_SECONDS)
    if isinstance(connection, WorkingConnection):
        connection.at_baseline = at_baseline
        if not at_baseline:
            connection.sight = None


def _in_a_transaction_of_its_own(connection: Connection, text: bytes) -> bytes:
    """Keep a BEGIN in the same message from taking it in, and a ROLLBACK from undoing it."""
    idle = connection.info.transaction_status == TransactionStatus.IDLE
    alone = idle and not is_waiting(connection, BEGIN)
    return BEGIN + text + COMMIT if alone else text


def commit_without_flush(connection: Connection) -> None:
    """Let the commit of our transaction return before it is on disk.

    A crash of the server may then take it back, as a whole: what it did and its rows in the
    ledger, so the next attempt does it again. The commit that ends the run is an ordinary one,
    and flushes all before it (PostgreSQL manual, "Asynchronous Commit").
    """
    defer(connection, b"SET LOCAL synchronous_commit = off;")


def _reset(major: int) -> bytes:
    return _RESET + _RESET_17 if major >= _TRANSACTION_TIMEOUT_SINCE else _RESET


def _role(role: str) -> str:
    return SQL("SET ROLE {};").format(Identifier(role)).as_string() if role else ""


@lru_cache(maxsize=16)
def _of_script(role: str, search_path: tuple[str, ...]) -> bytes:
    schemas = SQL(", ").join(map(Identifier, search_path))
    given = SQL("SET search_path = {};").format(schemas).as_string()
    return (_role(role) + (given if search_path else "")).encode()


@contextmanager
def transaction(
    connection: Connection, send: Callable[[Connection], None] = send_waiting
) -> Iterator[None]:
    """Run a block in one transaction: committed at its end, rolled back on any error.

    Parameters
    ----------
    send
        Sends what waits, the COMMIT at its end.

    Raises
    ------
    MigrationError
        What the server's error means, for errors of our own statements and of the commit.
    """
    with translated():
        try:
            defer(connection, BEGIN)
            yield
            defer(connection, COMMIT)
            send(connection)
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
SET LOCAL jit = off;
"""


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Run a block of reading against one state of the database, without a search path."""
    with translated():
        try:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;" + _PLAIN_TEXT)
            yield
        finally:
            roll_back(connection)


class translated:  # noqa: N801  read as what a block is, and made several times for each file
    """Turn an error of the server into what it means for the run."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Raise what an error means."""
        if isinstance(error, psycopg.Error):
            raise own_error(error) from error


def roll_back(connection: Connection) -> None:
    """Roll back what is open; a connection that is gone has been rolled back by the server."""
    mark(connection, at_baseline=False)
    if drop_transaction(connection):
        with suppress(psycopg.OperationalError):
            connection.execute("ROLLBACK")
