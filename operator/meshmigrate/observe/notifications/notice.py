"""What is told about an end: facts, from which every channel makes what its readers need."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid5

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import Contract

RETRYING: Final = "Retrying"
"""Told like an outcome: a run that still tries, but needs a person."""
SEVERITIES: Final = ("info", "warning", "error", "critical")
"""From the least to the most urgent."""
TOLD_OUTCOMES: Final = (*(outcome.value for outcome in Outcome), RETRYING)

_SEVERITY: Final[Mapping[str, str]] = {
    Outcome.SUCCEEDED: "info",
    Outcome.UP_TO_DATE: "info",
    Outcome.AWAITING_APPROVAL: "warning",
    Outcome.CANCELLED: "warning",
    Outcome.INTERRUPTED: "warning",
    Outcome.ROLLBACK_FAILED: "critical",
}


class Notice(Contract, frozen=True, kw_only=True):
    """How a run ended, or why there was none; nothing secret, as it is made from the result.

    ``message`` says what happened, where, how the database is and what to do next. Without
    ``namespace`` and ``name`` it was the command line. Durations are in seconds, times RFC 3339.
    """

    outcome: str
    reason: str
    message: str
    at: str
    run_id: str
    run_number: int = 0
    attempts: int = 0
    duration_seconds: float = 0.0
    namespace: str = ""
    name: str = ""
    database: str = ""
    version: str = ""
    place: str = ""
    """File, line and column of what failed."""
    sqlstate: str = ""
    commit: str = ""
    ref: str = ""
    actor: str = ""
    run_url: str = ""

    @property
    def severity(self) -> str:
        """How urgent it is, one of `SEVERITIES`."""
        return severity_of(self.outcome)

    @property
    def where(self) -> str:
        """Name what it is about in two words at most."""
        return f"{self.namespace}/{self.name}" if self.name else self.database or "a database"


def severity_of(outcome: str) -> str:
    """Say how urgent an outcome is; error, unless it is listed as something else."""
    return _SEVERITY.get(outcome, "error")


def at_least(severity: str, minimum: str) -> bool:
    """Say whether a severity is as urgent as another, or more."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(minimum)


def notice_id(run_id: str, outcome: str, channel: str) -> str:
    """Give the id by which a receiver knows what it was told before: always the same one."""
    return str(uuid5(UUID(run_id), f"{outcome}/{channel}"))
