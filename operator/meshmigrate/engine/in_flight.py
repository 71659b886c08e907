"""What was under way when a connection was lost.

A statement that ends the server each time it is run would do so for ever: in flight at two lost
connections in a row, it is not tried a third time. And a COMMIT without an answer is looked up.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from meshmigrate.domain.errors import Failure, Interruption, Location, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, Statement
from meshmigrate.domain.version import Version

UNSEEN: Final = "not known, as the runner ended with the server"
"""What was under way where nobody was left to write it down."""
_ONE_OF_MANY: Final = re.compile(r"(.+ \([A-Z ]+), or one of the (\d+) behind it\)")


class Suspicion(NamedTuple):
    """What was under way at the last two lost connections of a run, if nothing came between."""

    earlier: str
    later: str

    def falls_on(self, places: Sequence[str], index: int) -> bool:
        """Whether it is one of these places, both times as far as is known."""
        known = places[index] in self
        return known and all(_may_be(under_way, places, index) for under_way in self)

    @property
    def unseen(self) -> bool:
        """Whether nothing is known but that it was a statement."""
        return set(self) == {UNSEEN}


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
    suspicion: Suspicion | None = None
    one_by_one: bool = False
    """Whether a connection was lost before: of a batch nobody knows which statement did it."""

    def begin(self, suspicion: Suspicion | None, *, one_by_one: bool = False) -> None:
        """Begin on a new connection, on which nothing is under way."""
        self.version = self.commit = None
        self.suspicion, self.one_by_one = suspicion, one_by_one

    def answered(self, error: MigrationError) -> None:
        """Take note of an error: unless the connection is lost, it is the COMMIT's answer too."""
        if not isinstance(error, Interruption):
            self.commit = None

    def describe(self, error: MigrationError) -> str:
        """Say what was under way at an error; empty if it was no statement of the user's."""
        if error.location is not None:
            return _place(error.location, error.statement)
        return _end_of(self.commit.file) if self.commit else ""

    def refuse_suspect(
        self, script: Script, statements: Iterable[Statement], *, last: str = ""
    ) -> None:
        """Refuse to send a statement, or the COMMIT after them, a third time.

        Parameters
        ----------
        last
            The last file of the transaction, where it holds others behind this one.

        Raises
        ------
        Failure
            ``ServerCrashSuspected``.
        """
        if self.suspicion is None:
            return
        if self.suspicion.unseen:
            # It is the first that comes: what goes back after it is another one.
            self.suspicion = None
            raise _of_many_files(script.file, last) if last else _refusal(Location(script.file), "")
        found = [(script.location(each.offset), each.kind) for each in statements]
        places = [*(_place(*each) for each in found), _end_of(script.file)]
        for index, (location, kind) in enumerate([*found, (Location(script.file), None)]):
            if self.suspicion.falls_on(places, index):
                raise _refusal(location, kind)


def one_of_many(kind: str, behind: int) -> str:
    """Name a statement that was lost together with others in one message, by the first of them."""
    return f"{kind}, or one of the {behind} behind it" if behind else kind


def _may_be(under_way: str, places: Sequence[str], index: int) -> bool:
    if under_way in {UNSEEN, places[index]}:
        return True
    many = _ONE_OF_MANY.fullmatch(under_way)
    if many is None or f"{many[1]})" not in places:
        return False
    first = places.index(f"{many[1]})")
    return first <= index <= first + int(many[2])


def _place(location: Location, kind: str | None) -> str:
    return f"{location} ({kind})" if kind else _end_of(location.file)


def _end_of(file: str) -> str:
    return f"the end of {file}"


def _of_many_files(first: str, last: str) -> Failure:
    return Failure(
        Reason.SERVER_CRASH_SUSPECTED,
        f"a statement of one of the files {first} to {last}, which share a transaction, was under "
        "way when the server went down together with the runner, twice in a row; it is not tried a "
        "third time, and which of them it was nobody saw",
        hint="Look into the server's log for a crash or a restart at those times. If no statement "
        "was its cause, run again; with `--transaction-mode PerFile` the file that is shows.",
    )


def _refusal(location: Location, kind: str | None) -> Failure:
    what = {None: "the COMMIT", "": "a statement of it"}.get(kind, "the statement")
    return Failure(
        Reason.SERVER_CRASH_SUSPECTED,
        f"{what} was under way when the connection was lost, twice in a row; it is not tried a "
        "third time",
        hint="Look into the server's log for a crash or a restart at those times. If the "
        "statement was not its cause, run again.",
        location=location,
        statement=kind or None,
    )
