"""What is to be done in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from meshmigrate.domain.script import Statement
from meshmigrate.domain.version import Version
from meshmigrate.engine.prepared import PreparedScript


def _nothing() -> None:
    """Do nothing."""


def _take_no_note(_: str) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Work:
    """What happens in one transaction: a script, and the checks that must hold after it."""

    version: Version
    script: PreparedScript
    checks: tuple[PreparedScript, ...] = ()
    settings: tuple[Statement, ...] = ()
    """What the script has set before: a step of it does not begin with its first statement."""
    ready: Callable[[], object] = _nothing
    """What can be done for its rows in the ledger while the server runs the script."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a transaction, and who is told of it at each try of that."""

    work: Work
    begins: Callable[[], None] = _nothing
    """Called before the first statement."""
    ended: Callable[[str], None] = _take_no_note
    """Called after the last one, with the time of the server's clock."""
