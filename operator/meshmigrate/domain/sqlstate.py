"""What a SQLSTATE means for a run: worth another try, or not.

PostgreSQL manual, appendix "PostgreSQL Error Codes"; which of them pass by themselves is measured.
"""

from enum import Enum, StrEnum
from typing import Final


class SqlState(StrEnum):
    """The codes the engine decides on, by PostgreSQL's condition names."""

    ACTIVE_SQL_TRANSACTION = "25001"
    READ_ONLY_TRANSACTION = "25006"
    INVALID_TRANSACTION_TERMINATION = "2D000"
    SERIALIZATION_FAILURE = "40001"
    DEADLOCK_DETECTED = "40P01"
    INSUFFICIENT_PRIVILEGE = "42501"
    DISK_FULL = "53100"
    OUT_OF_MEMORY = "53200"
    OBJECT_IN_USE = "55006"
    LOCK_NOT_AVAILABLE = "55P03"
    QUERY_CANCELED = "57014"
    ADMIN_SHUTDOWN = "57P01"
    CRASH_SHUTDOWN = "57P02"
    CANNOT_CONNECT_NOW = "57P03"
    IDLE_SESSION_TIMEOUT = "57P05"
    RAISE_EXCEPTION = "P0001"


class Retry(Enum):
    """What may help after an error."""

    TRANSACTION = "transaction"
    """The whole transaction again, on the same connection, after a pause."""

    CONNECTION = "connection"
    """A new connection: this one is gone, or was never given."""

    NEVER = "never"
    """Nothing that waiting brings: a person has to act."""


_NEEDS_A_CONNECTION: Final = frozenset(
    {
        SqlState.ADMIN_SHUTDOWN,
        SqlState.CRASH_SHUTDOWN,
        SqlState.CANNOT_CONNECT_NOW,
        SqlState.IDLE_SESSION_TIMEOUT,
    }
)
_NEEDS_A_TRANSACTION: Final = frozenset(
    {SqlState.LOCK_NOT_AVAILABLE, SqlState.DEADLOCK_DETECTED, SqlState.SERIALIZATION_FAILURE}
)
_DETERMINISTIC_RESOURCES: Final = frozenset({SqlState.DISK_FULL, SqlState.OUT_OF_MEMORY})


def retry_after(sqlstate: str | None) -> Retry:
    """Decide what may help after an error with this code.

    Parameters
    ----------
    sqlstate
        Five characters; None where the server could send none, which means that it crashed or
        that the network between is gone.

    Notes
    -----
    Class 53 (insufficient resources) passes by itself, except a full disk, which fails the run,
    and a full lock table (reported as out of memory), which the same statement fills again.
    A code that nobody has thought about is never retried.
    """
    if sqlstate is None or sqlstate.startswith("08") or sqlstate in _NEEDS_A_CONNECTION:
        return Retry.CONNECTION
    if sqlstate in _NEEDS_A_TRANSACTION:
        return Retry.TRANSACTION
    if sqlstate.startswith("53") and sqlstate not in _DETERMINISTIC_RESOURCES:
        return Retry.TRANSACTION
    return Retry.NEVER
