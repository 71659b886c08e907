"""The transaction mode: a transaction per file, or one for the whole run, and why."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from meshmigrate.domain.data_change import Creations, EnumValue
from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.hazard_search import FoundHazard
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import OnFailure, TransactionMode
from meshmigrate.domain.way_back import Pending, Rollback, WayBack, ways_back, whole

Mode = Literal["PerFile", "Batch"]


class Choice(NamedTuple):
    """The mode of a run, and why it is that one."""

    mode: Mode
    why: str


class Course(NamedTuple):
    """How a run goes forward, and how it could go back."""

    choice: Choice
    ways: tuple[WayBack, ...]
    rollback: Rollback
    hazards: tuple[FoundHazard, ...] = ()

    def __str__(self) -> str:
        mode, why = self.choice
        way, message = self.rollback.way, self.rollback.message
        return f"transaction mode {mode}: {why}; rollback {way}: {message}"


class Obstacle(NamedTuple):
    """Why no single transaction can hold a run, and where that is written."""

    why: str
    location: Location


def choose_mode(
    wanted: TransactionMode, pending: Sequence[Pending], on_failure: OnFailure
) -> Choice:
    """Choose how a run divides its files into transactions.

    Auto prefers a transaction per file, which holds each lock only briefly, as long as a failure
    can be taken back; otherwise one transaction, which the server takes back, if one can hold
    everything.

    Raises
    ------
    Refusal
        ``BatchImpossible`` where one transaction is asked for that cannot hold a file.
    """
    if wanted == "PerFile":
        return Choice("PerFile", "it was asked for")
    if wanted == "Auto":
        return _choose(pending, on_failure)
    obstacle = next(_obstacles(pending), None)
    if obstacle is not None:
        raise Refusal(
            Reason.BATCH_IMPOSSIBLE,
            f"one transaction cannot hold all files: {obstacle.why}",
            hint="Leave the transaction mode at Auto, or apply this file in a run of its own: "
            "`--target VERSION`.",
            location=obstacle.location,
        )
    return Choice("Batch", "it was asked for")


def _choose(pending: Sequence[Pending], on_failure: OnFailure) -> Choice:
    if len(pending) <= 1:
        return Choice("PerFile", "there is only one file" if pending else "there is no file")
    if on_failure == "Halt":
        return Choice("PerFile", "what is applied stays when a file fails, as onFailure is Halt")
    without = next((each for each in ways_per_file(pending) if not each.way.ready), None)
    if without is None:
        return Choice("PerFile", "each file can be taken back by itself")
    why = f"version {without.version} cannot be taken back by itself, as {without.why}"
    obstacle = next(_obstacles(pending), None)
    if obstacle is None:
        return Choice("Batch", why)
    return Choice("PerFile", f"{why}; and one transaction cannot hold all files: {obstacle.why}")


def set_course(choice: Choice, pending: Sequence[Pending]) -> Course:
    """Say how each version of a run is taken back in the mode that was chosen."""
    if choice.mode == "Batch":
        ways = ways_back(pending, undone=(each.migration.version for each in pending))
    else:
        ways = ways_per_file(pending)
    return Course(choice, tuple(ways), whole(ways))


def ways_per_file(pending: Sequence[Pending]) -> list[WayBack]:
    """Say how each version is taken back where each file has a transaction of its own."""
    last = pending[-1:]
    return ways_back(pending, undone=(p.migration.version for p in last if p.steps_at is None))


def _obstacles(pending: Sequence[Pending]) -> Iterator[Obstacle]:
    """Give what stands in the way of one transaction for all files, in the order of the files.

    A value of an enum type that the same transaction has made may be used at once.
    """
    added: dict[str, str] = {}
    creations = Creations()
    for each in pending:
        version, script = each.migration.version, each.migration.script
        if each.steps_at is not None:
            yield Obstacle(f"version {version} runs in steps", each.steps_at)
        for statement in each.statements if added else ():
            used = next((literal for literal in added if literal in statement.text), None)
            if used is not None:
                why = (
                    f"version {version} uses the enum value {used}, which version {added[used]} "
                    "adds: that has to be committed first"
                )
                yield Obstacle(why, script.location(statement.offset))
        for change in creations.follow(statement.change for statement in each.statements):
            if isinstance(change, EnumValue):
                label = change.label.replace("'", "''")
                added[f"'{label}'"] = str(version)
