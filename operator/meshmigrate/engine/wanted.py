"""What a run is to reach, as its files and its target say."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from meshmigrate.domain.errors import MigrationError, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Folders, RunSpec
from meshmigrate.domain.script import MigrationSet
from meshmigrate.domain.version import Version, parse_target
from meshmigrate.source.folder import read_source


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the files and the target ask for."""

    source: MigrationSet
    target: Version | None
    problem: MigrationError | None = None
    """Why there is nothing to go forward with; to finish what was begun takes no files."""

    def refuse_problem(self) -> None:
        """Refuse to go forward where that needs files that are not there or not right.

        Raises
        ------
        Refusal
            Whatever is wrong with the files.
        """
        if self.problem is not None:
            raise self.problem

    def count_pending(self, present: Iterable[Version]) -> int:
        """Count the versions up to the target that are not among those present."""
        there = {version.number for version in present}
        last = None if self.target is None else self.target.number
        return sum(
            number not in there and (last is None or number <= last)
            for number in (migration.version.number for migration in self.source.migrations)
        )


def read_wanted(folders: Folders, target: str) -> Wanted:
    """Read the files and the target.

    Raises
    ------
    Refusal
        ``UnknownTarget``, or whatever is wrong with the files.
    """
    try:
        version = parse_target(target)
    except ValueError as error:
        raise Refusal(
            Reason.UNKNOWN_TARGET, str(error), hint="Give a version of the source, or 'latest'."
        ) from error
    return Wanted(read_source(folders), version)


def read_if_needed(spec: RunSpec, read: Callable[[RunSpec], Wanted]) -> Wanted:
    """Read what is wanted; an attempt that may only have to finish something can do without.

    Raises
    ------
    Refusal
        ``UnknownTarget`` or whatever is wrong with the files, at the first attempt to apply them.
    """
    try:
        return read(spec)
    except MigrationError as problem:
        if spec.run.intent == "plan" or (spec.run.attempt == 1 and spec.run.intent == "apply"):
            raise
        return Wanted(MigrationSet(()), None, problem)
