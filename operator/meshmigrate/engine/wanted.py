"""What a run is to reach, as its files and its target say."""

from collections.abc import Iterable
from dataclasses import dataclass

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Folders
from meshmigrate.domain.script import MigrationSet
from meshmigrate.domain.version import Version, parse_target
from meshmigrate.source.folder import read_source


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the files and the target ask for."""

    source: MigrationSet
    target: Version | None

    def count_pending(self, present: Iterable[Version]) -> int:
        """Count the versions up to the target that are not among those present."""
        there = set(present)
        return sum(
            migration.version not in there
            and (self.target is None or migration.version <= self.target)
            for migration in self.source.migrations
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
