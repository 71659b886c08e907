"""The status of a DatabaseMigration as values.

It is the operator's whole memory: what a restarted operator needs to continue stands here.
"""

from typing import Any, Final

from msgspec import convert, to_builtins

from meshmigrate.controller.event import Event
from meshmigrate.controller.notification import Notification
from meshmigrate.controller.run_status import (
    CurrentRun,
    HistoryEntry,
    LastRun,
    StatusPart,
    check_run,
)

HISTORY_LENGTH: Final = 10


class Condition(StatusPart, frozen=True, kw_only=True):
    """A condition (Kubernetes API conventions, "Typical status properties")."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""


class VersionPlan(StatusPart, frozen=True, kw_only=True):
    """A version of a plan."""

    version: str
    name: str
    strongest_lock: str = ""
    steps: int = 0
    rollback: str = ""


class PlanStatus(StatusPart, frozen=True, kw_only=True):
    """What the last run would do, if it only planned or waits for an approval."""

    digest: str
    direction: str
    count: int
    target: str = ""
    versions: tuple[VersionPlan, ...] = ()
    declares: str = ""
    transaction_mode: str = ""
    transaction_mode_reason: str = ""
    strongest_lock: str = ""
    data_not_restored: tuple[str, ...] = ()
    hazards: tuple[str, ...] = ()
    rollback_ready: str = ""
    run_number: int


class DatabaseStatus(StatusPart, frozen=True, kw_only=True):
    """Which database the last run found."""

    name: str
    system_identifier: str


class Status(StatusPart, frozen=True, kw_only=True):
    """The status subresource."""

    observed_generation: int = 0
    phase: str = "Pending"
    conditions: tuple[Condition, ...] = ()
    current_version: str = ""
    pending_count: int | None = None
    run_number: int = 0
    last_run_request: str = ""
    plan: PlanStatus | None = None
    database: DatabaseStatus | None = None
    current_run: CurrentRun | None = None
    last_run: LastRun | None = None
    history: tuple[HistoryEntry, ...] = ()
    notifications: tuple[Notification, ...] = ()
    events: tuple[Event, ...] = ()

    def condition(self, kind: str) -> Condition | None:
        """Give the condition of a type."""
        return next((c for c in self.conditions if c.type == kind), None)

    @property
    def stalled(self) -> bool:
        """Whether a person is needed."""
        condition = self.condition("Stalled")
        return condition is not None and condition.status == "True"

    @property
    def undelivered(self) -> bool:
        """Whether something is still to be told."""
        return any(entry.pending for entry in self.notifications)

    @property
    def ready_reason(self) -> str:
        """The reason of the condition Ready."""
        condition = self.condition("Ready")
        return condition.reason if condition else ""


def parse_status(status: dict[str, Any] | None) -> Status:
    """Read a status; of one that was overwritten by hand into nonsense only the number stays.

    Starting anew is safe: a run of a known id is never executed twice, its stored result is
    given again.
    """
    try:
        read = convert(status or {}, type=Status)
        if read.current_run is not None:
            check_run(read.current_run)
    except ValueError:  # which msgspec's ValidationError is too
        number = (status or {}).get("runNumber")
        return Status(run_number=number if isinstance(number, int) else 0)
    return read


def dump_status(status: Status) -> dict[str, Any]:
    """Give the status as the API takes it."""
    fields: dict[str, Any] = to_builtins(status)
    return {"phase": status.phase, **fields}
