"""Sending a script to the server: one statement per call, never with parameters.

Parameters would make psycopg read the text, and ``%I`` is ordinary SQL in it.
"""

from collections.abc import Callable

import psycopg

from meshmigrate.domain.errors import Failure
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, Statement
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.server_error import script_error, statement_error
from meshmigrate.engine.session import deferrable_constraints


def run_statements(
    connection: Connection,
    script: Script,
    statements: tuple[Statement, ...],
    *,
    before: Callable[[Statement], None] = lambda _: None,
) -> None:
    """Run the statements of a script in order.

    Parameters
    ----------
    before
        Called with each statement before it is sent.

    Raises
    ------
    MigrationError
        What the server's error means, with its place in the file.
    """
    for statement in statements:
        before(statement)
        send(connection, script, statement)


def run_checks(
    connection: Connection,
    script: Script,
    statements: tuple[Statement, ...],
    *,
    before: Callable[[Statement], None],
) -> None:
    """Run the statements of a check: each must give one row whose first column is true.

    Raises
    ------
    Failure
        ``CheckFailed``, with its place in the file.
    """
    for statement in statements:
        before(statement)
        cursor = send(connection, script, statement)
        first = cursor.fetchone() if cursor.rowcount == 1 else None
        if first is None or first[0] is not True:
            found = f"{cursor.rowcount} rows" if first is None else "a row that is not true"
            raise Failure(
                Reason.CHECK_FAILED,
                f"the check found {found} instead of one row whose first column is true",
                hint="The migration leaves the database in a state the check forbids: "
                "correct the migration, or the check.",
                location=script.location(statement.offset),
                statement=statement.kind,
            )


def settle(connection: Connection, script: Script, *, by_name: bool = False) -> None:
    """Check deferred constraints and fire deferred triggers while the script's names hold.

    Parameters
    ----------
    by_name
        Whether more files follow in the transaction, whose constraints this is not to touch.

    Raises
    ------
    MigrationError
        What the server's error means, with the file.
    """
    try:
        for names in _constraints(connection) if by_name else ["ALL"]:
            connection.execute(f"SET CONSTRAINTS {names} IMMEDIATE".encode())
    except psycopg.Error as error:
        raise script_error(error, script) from error


def _constraints(connection: Connection) -> list[str]:
    return [names for names, _ in deferrable_constraints(connection)]


def send(
    connection: Connection, script: Script, statement: Statement
) -> psycopg.Cursor[psycopg.rows.TupleRow]:
    """Run one statement.

    Raises
    ------
    MigrationError
        What the server's error means, with its place in the file.
    """
    text = _encode(connection, script, statement)
    try:
        return connection.execute(text)
    except psycopg.Error as error:
        raise statement_error(error, script, statement) from error


def _encode(connection: Connection, script: Script, statement: Statement) -> bytes:
    """Encode as the session expects it, which the script itself may have changed."""
    encoding = connection.info.encoding
    try:
        # SQL_ASCII, which psycopg calls ascii, takes bytes as they come.
        return statement.text.encode("utf-8" if encoding == "ascii" else encoding)
    except UnicodeEncodeError as error:
        raise Failure(
            Reason.INVALID_ENCODING,
            f"the script set client_encoding to {encoding}, which lacks a character used here",
            hint="Remove the SET client_encoding: the files are UTF-8.",
            location=script.location(statement.offset + error.start),
            statement=statement.kind,
        ) from None
