"""Table locks as values: the modes, which of them conflict, and what a statement takes.

PostgreSQL manual, section "Explicit Locking".
"""

from enum import Enum, IntEnum
from typing import Final, NamedTuple


class LockMode(IntEnum):
    """The table lock modes, the weakest first; the numbers are PostgreSQL's own."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @property
    def words(self) -> str:
        """The mode as SQL writes it, such as ``ACCESS EXCLUSIVE``."""
        return self.name.replace("_", " ")

    @property
    def listed_as(self) -> str:
        """The mode as ``pg_locks`` writes it, such as ``AccessExclusiveLock``."""
        return f"{self.words.title().replace(' ', '')}Lock"

    @property
    def conflicts(self) -> frozenset["LockMode"]:
        """The modes that nobody else may hold while this one is held."""
        return _CONFLICTS[self]


def _from(weakest: LockMode) -> frozenset[LockMode]:
    return frozenset(mode for mode in LockMode if mode >= weakest)


_CONFLICTS: Final = {
    LockMode.ACCESS_SHARE: _from(LockMode.ACCESS_EXCLUSIVE),
    LockMode.ROW_SHARE: _from(LockMode.EXCLUSIVE),
    LockMode.ROW_EXCLUSIVE: _from(LockMode.SHARE),
    LockMode.SHARE_UPDATE_EXCLUSIVE: _from(LockMode.SHARE_UPDATE_EXCLUSIVE),
    LockMode.SHARE: _from(LockMode.SHARE_ROW_EXCLUSIVE)
    | {LockMode.ROW_EXCLUSIVE, LockMode.SHARE_UPDATE_EXCLUSIVE},
    LockMode.SHARE_ROW_EXCLUSIVE: _from(LockMode.ROW_EXCLUSIVE),
    LockMode.EXCLUSIVE: _from(LockMode.ROW_SHARE),
    LockMode.ACCESS_EXCLUSIVE: _from(LockMode.ACCESS_SHARE),
}


class Reach(Enum):
    """Which relations a lock is on, seen from the one that the statement names."""

    ITSELF = "itself"
    DESCENDANTS = "descendants"
    """Its partitions and the tables that inherit from it, at any depth."""
    FOREIGN_KEYS = "foreign keys"
    """The tables that its foreign keys reference, and those that reference it."""
    REFERRING = "referring"
    """The tables whose foreign keys reference it, at any depth."""
    INDEXED_TABLE = "indexed table"
    """The table that it is an index of."""
    PARTITIONED_TABLE = "partitioned table"
    """The table that it is a partition of, and that one's default partition."""
    DEFAULT_PARTITION = "default partition"


class TableLock(NamedTuple):
    """A lock that a statement takes, as far as its text says."""

    schema: str
    """Empty where the search path decides."""
    name: str
    mode: LockMode
    reach: Reach = Reach.ITSELF
    part: str = ""
    """The constraint or column whose foreign keys are meant; empty for all."""
