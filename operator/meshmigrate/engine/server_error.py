"""What an error of the server means for the run, in words that hold no row values."""

from typing import Final

import psycopg

from meshmigrate.domain.errors import (
    Failure,
    Interruption,
    Location,
    LockTimeout,
    MigrationError,
)
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, Statement
from meshmigrate.domain.sqlstate import Retry, SqlState, retry_after
from meshmigrate.engine.silence import NoAnswerError

_GONE: Final = frozenset({"3F000", "42P01", "42703"})
"""A schema, a table or a column that is not there."""
_CONTENTION: Final = frozenset(
    {SqlState.LOCK_NOT_AVAILABLE, SqlState.DEADLOCK_DETECTED, SqlState.SERIALIZATION_FAILURE}
)
_NO_TRANSACTION: Final = (
    "begin the file with `-- meshmigrate: no-transaction`: each statement is a step of its own "
    "then, outside of a transaction where it has to be."
)
_FEWER_LOCKS: Final = (
    "If the table of locks is full: raise max_locks_per_transaction, or hold fewer locks at once "
    "(`--transaction-mode PerFile`, smaller files)."
)
_REASONS: Final[dict[str, tuple[Reason, str]]] = {
    SqlState.DISK_FULL: (
        Reason.DISK_FULL,
        "Free space on the server, then run again.",
    ),
    SqlState.OUT_OF_MEMORY: (
        Reason.STATEMENT_FAILED,
        _FEWER_LOCKS,
    ),
    SqlState.INSUFFICIENT_PRIVILEGE: (
        Reason.PERMISSION_DENIED,
        "Grant the role what it lacks, or connect as the owner of the objects.",
    ),
    SqlState.INVALID_TRANSACTION_TERMINATION: (
        Reason.TRANSACTION_CONTROL,
        f"Remove COMMIT and ROLLBACK, be it of a procedure that is called, or {_NO_TRANSACTION}",
    ),
    SqlState.ACTIVE_SQL_TRANSACTION: (
        Reason.NON_TRANSACTIONAL,
        f"Use a form that a transaction can hold, or {_NO_TRANSACTION}",
    ),
    SqlState.READ_ONLY_TRANSACTION: (
        Reason.READ_ONLY_SERVER,
        "Connect to the primary, with a role whose transactions may write.",
    ),
    SqlState.QUERY_CANCELED: (
        Reason.CANCELLED,
        "Somebody cancelled the statement (pg_cancel_backend); run again.",
    ),
}
_SYNTAX_OR_ACCESS: Final = "42"
_SESSION_ENDS: Final = frozenset({"FATAL", "PANIC"})
"""Severities after which the server closes the connection, whatever the code."""
_CONNECTION: Final = "08"
_FIX: Final = "Correct the statement; a file that failed has left nothing behind."
_OWN: Final = (
    "See whether a migration or a person changed the ledger's schema, and the server's log; what "
    "was not committed has left nothing behind."
)


def statement_error(
    error: psycopg.Error, script: Script, statement: Statement, *, before: int = 0
) -> MigrationError:
    """Say what went wrong with a statement of a script, and where in its file.

    Parameters
    ----------
    before
        How many characters were sent in front of the statement.
    """
    return _classify(
        error,
        message=_message(error, statement),
        location=script.location(statement.offset + max(_position(error) - before, 0)),
        kind=statement.kind,
    )


def script_error(error: psycopg.Error, script: Script) -> MigrationError:
    """Say what went wrong at the end of a script, where deferred constraints are checked."""
    end = Statement(text="", kind="", offset=len(script.text))
    message = _message(error, end)
    return _classify(error, message=message, location=Location(script.file), kind="")


def own_error(error: psycopg.Error) -> MigrationError:
    """Say what went wrong with a statement of ours, on the ledger or the session."""
    cause = error.diag.message_primary or _lost(error)
    message = f"a statement of meshmigrate's own failed: {cause}"
    return _classify(error, message=message, location=None, kind="", hint=_OWN)


def blame(error: MigrationError, first: Script, last: Script) -> MigrationError:
    """Give a failure of our own statements to the scripts that took away what they are about.

    The transaction began with the ledger as it has to be, so one of them has changed it since.
    """
    if error.location is not None or error.sqlstate not in _GONE:
        return error
    alone = first is last
    several = f"one of the files {first.file} to {last.file}, which share a transaction,"
    return Failure(
        error.reason,
        f"{last.file if alone else several} changed the ledger's own tables: {error.message}",
        hint="Leave the ledger's schema alone; what was not committed has left nothing behind.",
        location=Location(last.file) if alone else None,
        sqlstate=error.sqlstate,
    )


def is_cancelled(error: MigrationError) -> bool:
    """Whether the server cancelled the statement: a timeout, or somebody asked for it."""
    return error.sqlstate == SqlState.QUERY_CANCELED


def failed_before_it_began(error: MigrationError) -> bool:
    """Whether a statement cannot have done anything: the server did not understand or allow it.

    What fails in a body has a context, and the place in the statement is that of its own words
    (PostgreSQL manual, "Error and Notice Message Fields").
    """
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error) or cause.diag.context:
        return False
    in_its_words = cause.diag.statement_position is not None
    return in_its_words or (cause.sqlstate or "").startswith(_SYNTAX_OR_ACCESS)


def is_worth_another_try(error: MigrationError) -> bool:
    """Whether the whole transaction may succeed when it is tried again after a pause."""
    return error.sqlstate is not None and retry_after(error.sqlstate) is Retry.TRANSACTION


def _classify(
    error: psycopg.Error,
    *,
    message: str,
    location: Location | None,
    kind: str,
    hint: str = _FIX,
) -> MigrationError:
    code = error.sqlstate
    kind_of_error: type[MigrationError] = Failure
    reason, hint = _REASONS.get(code or "", (Reason.STATEMENT_FAILED, hint))
    ours = _from_server(error) and not _is_another_s(error)
    retry = retry_after(code) if ours else Retry.NEVER
    if code in _CONTENTION:
        kind_of_error, reason = LockTimeout, Reason.TABLE_LOCK_TIMEOUT
        hint = "Another session holds what the statement needs."
    elif retry is Retry.CONNECTION or error.diag.severity_nonlocalized in _SESSION_ENDS:
        kind_of_error, reason = Interruption, Reason.CONNECTION_LOST
        hint = "The server rolls back what was open; a new connection continues."
    return kind_of_error(
        reason, message, hint=hint, location=location, sqlstate=code, statement=kind or None
    )


def _message(error: psycopg.Error, statement: Statement) -> str:
    primary = error.diag.message_primary
    if primary is None:
        return _lost(error)
    from meshmigrate.sql.redact import redact  # noqa: PLC0415  the parser is imported when it is needed: 40 ms

    text = redact(primary, statement.text, author_raised=error.sqlstate == SqlState.RAISE_EXCEPTION)
    names = (
        ("constraint", error.diag.constraint_name),
        ("column", error.diag.column_name),
        ("table", error.diag.table_name),
    )
    known = [f"{word} {name}" for word, name in names if name and name not in text]
    return f"{text} ({', '.join(known)})" if known else text


def _from_server(error: psycopg.Error) -> bool:
    """Whether the server or the network failed, and not psycopg over what it was asked to do."""
    return error.sqlstate is not None or isinstance(error, psycopg.OperationalError)


def _is_another_s(error: psycopg.Error) -> bool:
    """Whether the connection in trouble is one of the server's own, to a publisher or the like.

    Our session goes on after an error that is not fatal.
    """
    about_a_connection = (error.sqlstate or "").startswith(_CONNECTION)
    return about_a_connection and error.diag.severity_nonlocalized == "ERROR"


def _lost(error: psycopg.Error) -> str:
    if isinstance(error, NoAnswerError):
        return str(error)
    if _from_server(error):
        return "the connection to the server was lost"
    return f"psycopg cannot send this: {error}"


def _position(error: psycopg.Error) -> int:
    """Characters from the statement's start; the server counts from 1, in characters."""
    position = error.diag.statement_position
    return int(position) - 1 if position else 0
