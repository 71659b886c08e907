"""What is to be done in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from meshmigrate.domain.script import Statement
from meshmigrate.domain.version import Version
from meshmigrate.engine.prepared import PreparedScript


@dataclass(frozen=True, slots=True)
class Work:
    """What happens in one transaction: a script, and the checks that must hold after it."""

    version: Version
    script: PreparedScript
    checks: tuple[PreparedScript, ...] = ()
    settings: tuple[Statement, ...] = ()
    """What the script has set before: a step of it does not begin with its first statement."""


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a transaction: what is done, and what is written into the ledger for it."""

    work: Work
    record: Callable[[], None]
    begin: Callable[[], None] = _nothing
    """Called in the transaction before the first statement, at each try of it."""
