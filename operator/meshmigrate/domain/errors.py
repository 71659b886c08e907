"""The errors a user can meet: a small typed hierarchy.

Each class stands for one outcome, so that one place can turn any of them into an exit code, a
condition and a log line; each instance says what, where, why and what to do next.
"""

from dataclasses import dataclass
from typing import ClassVar

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file: line and column count from 1, the column in characters."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = (self.file, self.line, self.column)
        return ":".join(str(part) for part in parts if part is not None)


class MigrationError(Exception):
    """Whatever ends a run other than success.

    Parameters
    ----------
    reason
        One documented word.
    message
        What happened, in a sentence, free of secrets and of row values.
    hint
        What to do next, in a sentence.
    location
        The place in the user's file, where there is one.
    sqlstate
        PostgreSQL's five-character code, where the server gave one.
    statement
        The kind of statement that failed (its command tag, such as ``ALTER TABLE``).
    """

    outcome: ClassVar[Outcome] = Outcome.FAILED

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        hint: str = "",
        location: Location | None = None,
        sqlstate: str | None = None,
        statement: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint
        self.location = location
        self.sqlstate = sqlstate
        self.statement = statement

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        code = f" (SQLSTATE {self.sqlstate})" if self.sqlstate else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{place}{self.message}{code}.{hint}" if hint else f"{place}{self.message}{code}"


class Refusal(MigrationError):
    """The run was refused before anything changed; a person has to act."""

    outcome = Outcome.REFUSED


class Failure(MigrationError):
    """A file failed: the policy says whether the run goes back or halts."""

    outcome = Outcome.FAILED


class Interruption(MigrationError):
    """The run stopped in a known, resumable state: a signal, a lost connection, a fence."""

    outcome = Outcome.INTERRUPTED


class LockTimeout(MigrationError):
    """A lock was not to be had in time, and nothing had been committed."""

    outcome = Outcome.LOCK_TIMEOUT


class Unreachable(MigrationError):
    """The database did not answer; its state is unknown until it does."""

    outcome = Outcome.UNREACHABLE


class NotReady(Unreachable):
    """The database answered that it takes no connection now, which passes by itself."""
