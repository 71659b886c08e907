"""SQL files as values: scripts, their statements, and the migrations they make up."""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from msgspec import Struct

from meshmigrate.domain.data_change import DataChange
from meshmigrate.domain.directive import Directive, Word, parse_duration
from meshmigrate.domain.errors import Location
from meshmigrate.domain.privilege import NOTHING_NEEDED, Demand
from meshmigrate.domain.table_lock import TableLock
from meshmigrate.domain.version import Version


class ScriptKind(StrEnum):
    """What a file is for."""

    MIGRATION = "migration"
    ROLLBACK = "rollback"
    CHECK = "check"


# Made 10,000 at a time, as are migrations and rows of the history: a structure is made three times
# as fast as a data class.
class Script(Struct, frozen=True, gc=False):
    """One SQL file.

    Parameters
    ----------
    kind
        What it is for.
    file
        The name to show, relative to its folder.
    text
        The content: decoded UTF-8, LF line ends, no byte order mark.
    directives
        What it says about itself, each word once.
    """

    kind: ScriptKind
    file: str
    text: str
    directives: tuple[Directive, ...] = ()

    @property
    def checksum(self) -> str:
        """``sha256:`` and the digest of the normalised text."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"

    @property
    def no_transaction(self) -> bool:
        """Whether each of its statements is a step of its own."""
        return self._argument(Word.NO_TRANSACTION) is not None

    @property
    def irreversible(self) -> str | None:
        """Why a run must not start this rollback script by itself; None if it may."""
        return self._argument(Word.IRREVERSIBLE)

    @property
    def timeout_seconds(self) -> float | None:
        """How long each of its statements may take, if it says so itself."""
        time = self._argument(Word.TIMEOUT)
        return None if time is None else parse_duration(time)

    @property
    def allowed(self) -> dict[str, str]:
        """The hazards that this migration has on purpose, each with the reason it gives."""
        said = (each.arguments for each in self.directives if each.word is Word.ALLOW)
        return {hazard: why for hazard, _, why in (text.partition(" ") for text in said)}

    def _argument(self, word: Word) -> str | None:
        return next((each.arguments for each in self.directives if each.word is word), None)

    def location(self, offset: int) -> Location:
        """Give the place of a character, counted from 0, as line and column counted from 1."""
        before = self.text[:offset]
        line_start = before.rfind("\n") + 1
        return Location(self.file, before.count("\n") + 1, offset - line_start + 1)


STAND_IN: Final = "pg_temp"
"""The schema of the table on which the definition of an index is tried out."""


class Action(StrEnum):
    """What a statement does that runs outside a transaction, and so what tells if it is done."""

    CREATE_INDEX = "create index"
    DROP_INDEX = "drop index"
    REINDEX_INDEX = "reindex index"
    REINDEX_TABLE = "reindex table"
    REINDEX_SCHEMA = "reindex schema"
    REINDEX_DATABASE = "reindex database"
    DETACH_PARTITION = "detach partition"
    CREATE_SHARED = "create shared"
    DROP_SHARED = "drop shared"
    REPEAT = "repeat"
    """Done again if in doubt: twice is as good as once, and nothing half done is left."""
    UNKNOWN = "unknown"
    """Nothing tells; a person decides."""


class SharedCatalog(StrEnum):
    """Where that is listed which belongs to the whole server."""

    DATABASE = "pg_database"
    TABLESPACE = "pg_tablespace"
    SUBSCRIPTION = "pg_subscription"


Name = tuple[str, ...]
"""A name as written: schema, if there is one, and object."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What a statement outside a transaction does, and to what.

    Parameters
    ----------
    object
        The index, table, partition, schema, database, tablespace or subscription; empty where
        the effect needs no look-up.
    table
        The table of an index that is created, or the parent of a partition.
    tolerant
        Whether it says IF EXISTS or IF NOT EXISTS.
    definition
        The index that is created, as a statement about a table of that name in ``pg_temp``.
    catalog
        Where the object is listed, if it is none of this database alone.
    strong
        Whether the application may have to wait behind its locks; then it waits for them briefly
        and tries again, which leaves nothing behind.
    beyond
        Whether it changes more than this database: the server, or another one.
    """

    action: Action
    object: Name = ()
    table: Name = ()
    tolerant: bool = False
    definition: str = ""
    catalog: SharedCatalog | None = None
    strong: bool = False
    beyond: bool = False


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
    outside
        What it does, if it runs outside transactions only.
    change
        What it does to data that is there before it; None if nothing that is known.
    demand
        Which rights it needs, as far as its text tells.
    """

    text: str
    kind: str
    offset: int
    locks: tuple[TableLock, ...] | None = None
    outside: Outside | None = None
    change: DataChange | None = None
    demand: Demand = NOTHING_NEEDED

    @property
    def changes_nothing(self) -> bool:
        """Whether neither schema nor data are others after it."""
        return self.kind in _CHANGE_NOTHING


SETTINGS: Final = frozenset({"SET", "RESET"})
_CHANGE_NOTHING: Final = SETTINGS | {"VACUUM", "ANALYZE", "REINDEX", "CLUSTER", "CHECKPOINT"}


class Migration(Struct, frozen=True, gc=False):
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
