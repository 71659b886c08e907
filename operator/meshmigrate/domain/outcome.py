"""How a run ended, in the one vocabulary that every surface shares."""

from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """The end of an attempt; the word is what every surface shows."""

    SUCCEEDED = "Succeeded"
    UP_TO_DATE = "UpToDate"
    AWAITING_APPROVAL = "AwaitingApproval"
    REFUSED = "Refused"
    ROLLED_BACK = "RolledBack"
    FAILED = "Failed"
    HALTED = "Halted"
    ROLLBACK_FAILED = "RollbackFailed"
    CANCELLED = "Cancelled"
    INTERRUPTED = "Interrupted"
    LOCK_TIMEOUT = "LockTimeout"
    UNREACHABLE = "Unreachable"

    @property
    def exit_code(self) -> int:
        """The process exit code that stands for this outcome."""
        return _EXIT_CODES[self]

    @property
    def succeeded(self) -> bool:
        """Whether the database is at its target."""
        return self in {Outcome.SUCCEEDED, Outcome.UP_TO_DATE}

    @property
    def retryable(self) -> bool:
        """Whether another attempt of the same run may end better with nobody's help."""
        return self in {Outcome.INTERRUPTED, Outcome.LOCK_TIMEOUT, Outcome.UNREACHABLE}

    @property
    def final(self) -> bool:
        """Whether a run that ended so is stored as finished and never executed again."""
        return not self.retryable


_EXIT_CODES: Final = {
    Outcome.SUCCEEDED: 0,
    Outcome.UP_TO_DATE: 0,
    Outcome.REFUSED: 10,
    Outcome.AWAITING_APPROVAL: 12,
    Outcome.ROLLED_BACK: 20,
    Outcome.FAILED: 21,
    Outcome.HALTED: 22,
    Outcome.ROLLBACK_FAILED: 23,
    Outcome.CANCELLED: 24,
    Outcome.INTERRUPTED: 30,
    Outcome.LOCK_TIMEOUT: 31,
    Outcome.UNREACHABLE: 32,
}

EXIT_INTERNAL_ERROR: Final = 1
EXIT_USAGE_ERROR: Final = 2
EXIT_FINDINGS: Final = 11
"""A command that checks found what it looks for; the database is untouched."""

EXIT_END_NOT_SEEN: Final = 33
"""`wait` ended before the run did: its time was over, or the resource was deleted."""


def outcome_of_exit_code(code: int) -> Outcome | None:
    """Give the outcome an exit code stands for; None for a crash, a signal or a bug.

    Zero gives ``Succeeded``: without the result nothing tells it from ``UpToDate``.
    """
    return next((outcome for outcome, exit_code in _EXIT_CODES.items() if exit_code == code), None)
