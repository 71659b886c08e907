"""What a run tells while it works: one event at a time, to whoever shows or logs it."""

import time
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
    DRIFT = "drift"
    WRITING_BACK = "writing-back"
    APPLYING = "applying"
    APPLIED = "applied"
    WAITING_FOR_TABLES = "waiting-for-tables"
    RUNNING = "running"
    TABLE_LOCK_RETRY = "table-lock-retry"
    LEFTOVER = "leftover"
    FAILED = "failed"
    CANCELLING = "cancelling"
    STOPPING = "stopping"
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
    line: int | None = None
    column: int | None = None
    statement: str = ""
    """Its command tag, where one statement is meant."""
    seconds: float | None = None
    """How long that has been running."""
    doing: str = ""
    """What that waits for and who is in the way, or how far it is."""
    rollback_ready: str = ""
    """Of a plan: the reason for which the run can be taken back, or cannot."""


Events = Callable[[Event], None]


class Paced:
    """Events of which the ones about a running statement come at most every so many seconds.

    For lines that stay: whoever shows them in place wants all of them.
    """

    def __init__(
        self, events: Events, seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._events = events
        self._seconds = seconds
        self._monotonic = monotonic
        self._told = -seconds

    def __call__(self, event: Event) -> None:
        """Tell an event, unless it says again what was just said."""
        if event.name is EventName.RUNNING:
            now = self._monotonic()
            if (event.seconds or 0.0) < self._seconds or now - self._told < self._seconds:
                return
            self._told = now
        self._events(event)


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
