"""What a run tells while it works: one event at a time, to whoever shows or logs it."""

import time
from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct

from meshmigrate.domain.result import RollbackReady
from meshmigrate.domain.runner_log import Direction, describe_wait


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
    HAZARD = "hazard"
    DRIFT = "drift"
    WRITING_BACK = "writing-back"
    APPLYING = "applying"
    APPLIED = "applied"
    WAITING_FOR_TABLES = "waiting-for-tables"
    TABLES_FREE = "tables-free"
    RUNNING = "running"
    TABLE_LOCK_RETRY = "table-lock-retry"
    LEFTOVER = "leftover"
    FAILED = "failed"
    CANCELLING = "cancelling"
    STOPPING = "stopping"
    TURNING_BACK = "turning-back"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    LOG_NOT_WRITTEN = "log-not-written"
    FINISHED = "finished"


# Two for each file: a structure is made several times as fast as a data class.
class Event(Struct, frozen=True, kw_only=True):
    """One thing that happened; ``done`` of ``total`` files are behind it, where that is known."""

    name: EventName
    message: str
    warning: bool = False
    version: str = ""
    file: str = ""
    direction: Direction | None = None
    """Where the run goes, of an event that says it."""
    done: int | None = None
    total: int | None = None
    line: int | None = None
    column: int | None = None
    statement: str = ""
    """Its command tag, where one statement is meant."""
    seconds: float | None = None
    """How long that has been running."""
    outline: Callable[[], str] = str
    """Gives its text without constants; that takes a moment."""
    doing: str = ""
    """How far it is, as the server says."""
    waiting_for: str = ""
    blockers: tuple[str, ...] = ()
    """Who is in the way of that."""
    cause: str = ""
    """Why the run goes back, where that was not asked for."""
    rollback_ready: RollbackReady | None = None
    """Of a plan: whether the run can be taken back."""

    @property
    def state(self) -> str:
        """What it waits for and who is in the way, or how far it is."""
        return describe_wait(self.waiting_for, self.blockers) or self.doing


Events = Callable[[Event], None]


class Paced:
    """Events of which those about a running statement come at most every so many seconds.

    For lines that stay: whoever shows them in place wants all of them. Of a statement that goes
    on for long they come ever more rarely, at twentieths of its time; not so what it waits for.
    """

    def __init__(
        self, events: Events, seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._events = events
        self._seconds = seconds
        self._monotonic = monotonic
        self._told_at = monotonic()
        self._told: tuple[object, ...] = ()

    def __call__(self, event: Event) -> None:
        """Tell an event, unless it says again what was just said."""
        now = self._monotonic()
        if event.name is EventName.RUNNING:
            about = (event.file, event.line, event.column, event.waiting_for, event.blockers)
            same = about == self._told
            pause = max(self._seconds, (event.seconds or 0.0) / 20 if same else 0.0)
            if now - self._told_at < pause:
                return
            self._told = about
        self._told_at = now
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
