"""What a run tells while it works: one event at a time, to whoever shows or logs it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class EventName(StrEnum):
    """What happened."""

    WAITING_FOR_CREDENTIALS = "waiting-for-credentials"
    CONNECTED = "connected"
    CONNECTION_LOST = "connection-lost"
    WAITING_FOR_SERVER = "waiting-for-server"
    TAKING_OVER = "taking-over"
    WAITING_FOR_LOCK = "waiting-for-lock"
    LOCKED = "locked"
    LEDGER_UPGRADED = "ledger-upgraded"
    RECOVERING = "recovering"
    PLANNED = "planned"
    APPLYING = "applying"
    APPLIED = "applied"
    WAITING_FOR_TABLES = "waiting-for-tables"
    TABLE_LOCK_RETRY = "table-lock-retry"
    LEFTOVER = "leftover"
    FAILED = "failed"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    LOG_NOT_WRITTEN = "log-not-written"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened; ``done`` of ``total`` files are behind it, where that is known."""

    name: EventName
    message: str
    warning: bool = False
    version: str = ""
    file: str = ""
    done: int | None = None
    total: int | None = None


Events = Callable[[Event], None]


class UntilBroken:
    """Events that fall silent when nobody can be told any more.

    A closed pipe, or a terminal that lacks a character, must not end a migration half-way.
    """

    def __init__(self, events: Events) -> None:
        self._events: Events | None = events

    def __call__(self, event: Event) -> None:
        """Tell an event, if that still works."""
        if self._events is None:
            return
        try:
            self._events(event)
        except (OSError, UnicodeError):
            self._events = None
