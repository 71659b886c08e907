"""What was under way when a connection was lost.

A statement that ends the server each time it is run would do so for ever: in flight at two lost
connections in a row, it is not tried a third time. And a COMMIT without an answer is looked up.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meshmigrate.domain.errors import Failure, Location, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, Statement
from meshmigrate.domain.version import Version


@dataclass(frozen=True, slots=True)
class Commit:
    """A COMMIT that was sent, or is just about to be."""

    transaction: str
    """As ``pg_current_xact_id()`` gave it."""
    file: str


@dataclass(slots=True)
class InFlight:
    """What the working connection is doing; it outlives the connection."""

    version: Version | None = None
    commit: Commit | None = None
    suspect: str | None = None
    """What was under way at the last two lost connections."""
    one_by_one: bool = False
    """Whether a connection was lost before: of a batch nobody knows which statement did it."""

    def begin(self, suspect: str | None, *, one_by_one: bool = False) -> None:
        """Begin on a new connection, on which nothing is under way."""
        self.version = self.commit = None
        self.suspect, self.one_by_one = suspect, one_by_one

    def describe(self, error: MigrationError) -> str:
        """Say what was under way at an error; empty if it was no statement of the user's."""
        if error.location is not None:
            return _place(error.location, error.statement)
        return _end_of(self.commit.file) if self.commit else ""

    def refuse_suspect(self, script: Script, statements: Iterable[Statement]) -> None:
        """Refuse to send a statement, or the COMMIT after them, a third time.

        Raises
        ------
        Failure
            ``ServerCrashSuspected``.
        """
        if self.suspect is None or script.file not in self.suspect:
            return
        for statement in statements:
            location = script.location(statement.offset)
            if _place(location, statement.kind) == self.suspect:
                raise _refusal(location, statement.kind)
        if _end_of(script.file) == self.suspect:
            raise _refusal(Location(script.file), None)


def _place(location: Location, kind: str | None) -> str:
    return f"{location} ({kind})" if kind else _end_of(location.file)


def _end_of(file: str) -> str:
    return f"the end of {file}"


def _refusal(location: Location, kind: str | None) -> Failure:
    return Failure(
        Reason.SERVER_CRASH_SUSPECTED,
        f"{'the statement' if kind else 'the COMMIT'} was under way when the connection was "
        "lost, twice in a row; it is not tried a third time",
        hint="Look into the server's log for a crash or a restart at those times. If the "
        "statement was not its cause, run again.",
        location=location,
        statement=kind,
    )
