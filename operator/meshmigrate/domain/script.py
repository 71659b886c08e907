"""SQL files as values: scripts, their statements, and the migrations they make up."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from meshmigrate.domain.errors import Location
from meshmigrate.domain.table_lock import TableLock
from meshmigrate.domain.version import Version


class ScriptKind(StrEnum):
    """What a file is for."""

    MIGRATION = "migration"
    ROLLBACK = "rollback"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Script:
    """One SQL file.

    Parameters
    ----------
    kind
        What it is for.
    file
        The name to show, relative to its folder.
    text
        The content: decoded UTF-8, LF line ends, no byte order mark.
    """

    kind: ScriptKind
    file: str
    text: str

    @property
    def checksum(self) -> str:
        """``sha256:`` and the digest of the normalised text."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"

    def location(self, offset: int) -> Location:
        """Give the place of a character, counted from 0, as line and column counted from 1."""
        before = self.text[:offset]
        line_start = before.rfind("\n") + 1
        return Location(self.file, before.count("\n") + 1, offset - line_start + 1)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a script.

    Parameters
    ----------
    text
        As sent to the server: no leading comment, no closing semicolon.
    kind
        Its command tag, such as ``CREATE TABLE``.
    offset
        Where it starts in the script's text, in characters from 0.
    locks
        Those stronger than ACCESS SHARE on relations that exist before it; None if its text
        does not tell.
    """

    text: str
    kind: str
    offset: int
    locks: tuple[TableLock, ...] | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """A version: the way up, the way back if there is one, and what must be true after it."""

    version: Version
    name: str
    script: Script
    rollback: Script | None = None
    checks: tuple[Script, ...] = ()


@dataclass(frozen=True, slots=True)
class MigrationSet:
    """Everything a source holds, in order of version."""

    migrations: tuple[Migration, ...]
    final_checks: tuple[Script, ...] = ()
