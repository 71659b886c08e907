"""Sending a script to the server: a result for each statement, and never parameters.

Parameters would make psycopg read the text, and ``%I`` is ordinary SQL in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import psycopg
from psycopg.pq.abc import PGresult

from meshmigrate.domain.check import own_words
from meshmigrate.domain.errors import Failure
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, Statement
from meshmigrate.engine.batches import MOST, Batches, StatementFailed, send_batch
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.constraints import check_constraints
from meshmigrate.engine.deferred import send_waiting
from meshmigrate.engine.in_flight import one_of_many
from meshmigrate.engine.server_error import own_error, script_error, statement_error
from meshmigrate.engine.spans import statement_span

SETTLE: Final = b"SET CONSTRAINTS ALL IMMEDIATE;"


class End(NamedTuple):
    """What is sent with the last statement of a script, to do what ``settle`` does and to leave.

    Parameters
    ----------
    limits
        Statements that set the limits of the deferred constraints.
    settle
        The statement that checks these; empty if there are none.
    ours
        Statements that leave the script; the last one has a result.
    """

    limits: bytes
    settle: bytes
    ours: bytes


def run_statements(
    connection: Connection,
    script: Script,
    statements: tuple[Statement, ...],
    *,
    before: Callable[[Statement], None] = lambda _: None,
    one_by_one: bool = False,
    end: Callable[[], End] | None = None,
    expired: Callable[[], bool] = lambda: False,
) -> PGresult | None:
    """Run the statements of a script in order.

    Parameters
    ----------
    before
        Called with each statement before it is sent, and with the first one of a batch.
    one_by_one
        Whether each statement has a message of its own.
    end
        Gives what to send together with the last of them; asked when it is sent.
    expired
        Tells whether the time for all of them is over.

    Returns
    -------
    PGresult | None
        The result of the end; None if it was not sent.

    Raises
    ------
    MigrationError
        What the server's error means, with its place in the file.
    """
    result = None
    for batch in Batches(statements, most=1 if one_by_one else MOST):
        before(batch[0])
        last = end() if end and batch[-1] is statements[-1] else None
        with statement_span(script, batch):
            result = _send_batch(connection, script, batch, last, expired)
    return result if end else None


def _send_batch(
    connection: Connection,
    script: Script,
    batch: Sequence[Statement],
    end: End | None,
    expired: Callable[[], bool],
) -> PGresult | None:
    behind = b"".join(end) if end else b""
    _require_strings_as_read(connection, script, batch)
    try:
        return send_batch(connection, batch, _encoding(connection), behind=behind, expired=expired)
    except StatementFailed as failed:
        if end and failed.index >= len(batch):
            settling = end.settle and failed.index - len(batch) == end.limits.count(b";")
            error = script_error(failed.error, script) if settling else own_error(failed.error)
            raise error from failed
        statement = batch[failed.index]
        if failed.behind:
            statement = replace(statement, kind=one_of_many(statement.kind, failed.behind))
        raise statement_error(failed.error, script, statement, before=failed.offset) from failed
    except psycopg.Error as error:
        raise own_error(error) from error
    except UnicodeEncodeError:
        # One by one, so that the one with the character is named.
        for statement in batch:
            send(connection, script, statement)
        return None


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
            found = "is not true" if first else f"gave {cursor.rowcount} rows instead of one"
            raise Failure(
                Reason.CHECK_FAILED,
                f"the check {found}: {own_words(script, statement)}",
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
    flush(connection)
    try:
        if by_name:
            check_constraints(connection)
        else:
            connection.execute(SETTLE)
    except psycopg.Error as error:
        raise script_error(error, script) from error


def send(
    connection: Connection, script: Script, statement: Statement
) -> psycopg.Cursor[psycopg.rows.TupleRow]:
    """Run one statement.

    Raises
    ------
    MigrationError
        What the server's error means, with its place in the file.
    """
    _require_strings_as_read(connection, script, [statement])
    text = _encode(connection, script, statement)
    flush(connection)
    with statement_span(script, [statement]):
        try:
            return connection.execute(text)
        except psycopg.Error as error:
            raise statement_error(error, script, statement) from error


def flush(connection: Connection) -> None:
    """Send what waits by itself, so that its errors are told from those of a script."""
    try:
        send_waiting(connection)
    except psycopg.Error as error:
        raise own_error(error) from error


def _encode(connection: Connection, script: Script, statement: Statement) -> bytes:
    try:
        return statement.text.encode(_encoding(connection))
    except UnicodeEncodeError as error:
        raise Failure(
            Reason.INVALID_ENCODING,
            f"the script set client_encoding to {connection.info.encoding}, which lacks a "
            "character used here",
            hint="Remove the SET client_encoding: the files are UTF-8.",
            location=script.location(statement.offset + error.start),
            statement=statement.kind,
        ) from None


def _require_strings_as_read(
    connection: Connection, script: Script, statements: Sequence[Statement]
) -> None:
    """Refuse what the server would divide otherwise than we did: a backslash then hides a quote.

    Behind one, the text of a string could end our transaction (PostgreSQL manual,
    "standard_conforming_strings").
    """
    if connection.pgconn.parameter_status(b"standard_conforming_strings") != b"off":
        return
    for statement in statements:
        if "\\" in statement.text:
            raise Failure(
                Reason.SESSION_CONTROL,
                "the script has turned standard_conforming_strings off: the server would read "
                "the backslash here otherwise than it was checked",
                hint="Leave it on, and write strings with such backslashes as E'...'.",
                location=script.location(statement.offset + statement.text.index("\\")),
                statement=statement.kind,
            )


def _encoding(connection: Connection) -> str:
    """Give what the session expects, which the script itself may have changed."""
    encoding = connection.info.encoding
    # SQL_ASCII, which psycopg calls ascii, takes bytes as they come.
    return "utf-8" if encoding == "ascii" else encoding
