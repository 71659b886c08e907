"""Going back on purpose: which versions have to be taken back to be at an earlier one."""

from collections.abc import Sequence
from typing import Final

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.plan import AppliedVersion, refuse_changed_history
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import MigrationSet
from meshmigrate.domain.version import Version

BEFORE_THE_FIRST: Final = Version("0")


def plan_retreat(history: Sequence[AppliedVersion], target: Version) -> tuple[AppliedVersion, ...]:
    """Give the versions above the target, the one applied last first.

    Parameters
    ----------
    history
        In the order in which it was made.
    target
        A version of the history; 0 is the state before the first one.

    Raises
    ------
    Refusal
        ``UnknownTarget`` or ``NoRollbackScript``.
    """
    if target != BEFORE_THE_FIRST and target not in {row.version for row in history}:
        raise Refusal(
            Reason.UNKNOWN_TARGET,
            f"version {target} is not in the history of this database",
            hint="`meshmigrate status` lists it; 0 is the state before the first version.",
        )
    rows = tuple(row for row in reversed(history) if row.version > target)
    without = [str(row.version) for row in rows if row.rollback_checksum is None]
    if without:
        raise Refusal(
            Reason.NO_ROLLBACK_SCRIPT,
            f"there is no rollback script for {', '.join(without)}",
            hint="Write a new migration that leads on from the state as it is; or, if the script "
            "was written later, record it: `meshmigrate repair --accept VERSION --reason TEXT`.",
        )
    return rows


def is_retreat(history: Sequence[AppliedVersion], target: Version, source: MigrationSet) -> bool:
    """Whether a target lies below the current version, and can be reached.

    The versions that stay must be those of the source; those that go need no files any more.

    Raises
    ------
    Refusal
        ``UnknownTarget`` or ``NoRollbackScript``; ``ChecksumMismatch`` or ``MissingFile``.
    """
    if target >= max((row.version for row in history), default=target):
        return False
    refuse_changed_history((row for row in history if row.version <= target), source)
    plan_retreat(history, target)
    return True
