"""Waiting for whoever holds the migration lock: naming it, and ending it where that is allowed.

A runner that was frozen, or whose node is gone, keeps its session, and with it the lock, for as
long as its host answers. Its session may be ended if it does nothing and its run is ours to
take over. A session that works is never ended: what it does may be at its end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.errors import Failure, LockTimeout
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine import lock
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.events import Event, EventName, Events
from meshmigrate.engine.ledger import schema
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.session import translated
from meshmigrate.engine.tools import Tools

# What other roles do is hidden from an ordinary one; then it is known to be nobody's run.
_SESSION: Final = """
SELECT l.run_id, a.state LIKE 'idle%%' AS idle,
       extract(epoch FROM pg_catalog.clock_timestamp() - a.state_change)::float8 AS seconds
FROM {ledger}.lease AS l
JOIN pg_catalog.pg_stat_activity AS a
    ON a.pid = l.backend_pid AND a.backend_start = l.backend_start
WHERE l.id = 1 AND l.backend_pid = %(pid)s
"""
_END: Final = """
SELECT pg_catalog.pg_terminate_backend(a.pid)
FROM {ledger}.lease AS l
JOIN pg_catalog.pg_stat_activity AS a
    ON a.pid = l.backend_pid AND a.backend_start = l.backend_start
WHERE l.id = 1 AND l.backend_pid = %(pid)s AND l.run_id = %(run_id)s AND a.state LIKE 'idle%%'
    AND pg_catalog.clock_timestamp() - a.state_change
        > pg_catalog.make_interval(secs => %(seconds)s)
"""


@dataclass(frozen=True, slots=True)
class _Session:
    """The session that the lease names."""

    run_id: UUID
    idle: bool
    seconds: float
    """Since when it is idle, or works."""

    def __str__(self) -> str:
        doing = "idle" if self.idle else "working"
        return f"{doing} for {self.seconds:.0f} s on run {self.run_id}"


class HolderWatch:
    """Looks at the holder of the lock each time that it is not to be had.

    Our own names must be in force, and the role that logs in: a script's may not end sessions.

    Parameters
    ----------
    find_ledger
        Gives the ledger once there is one.
    may_end
        The runs whose session may be ended: earlier attempts of our own, and what is taken over.
    idle_seconds
        For how long such a session must have done nothing.
    """

    def __init__(
        self,
        connection: Connection,
        events: Events,
        *,
        find_ledger: Callable[[], Ledger | None],
        may_end: frozenset[UUID],
        idle_seconds: float,
    ) -> None:
        self._connection = connection
        self._events = events
        self._find_ledger = find_ledger
        self._may_end = may_end
        self._idle_seconds = idle_seconds
        self._told: tuple[lock.Holder, UUID | None] | None = None
        self._holder = "a session that just ended"
        self._run_id: UUID | None = None

    def look(self) -> None:
        """Tell who holds the lock, when that is new, and end it where that is allowed."""
        holder = lock.find_holder(self._connection)
        if holder is None:
            return
        ledger = self._find_ledger()
        session = _find_session(ledger, holder.pid) if ledger else None
        self._run_id = session.run_id if session else None
        self._holder = f"{holder}, {session}" if session else str(holder)
        if self._told != (holder, self._run_id):
            self._told = (holder, self._run_id)
            self._tell(EventName.WAITING_FOR_LOCK, f"the migration lock is held by {self._holder}")
        if ledger and session and self._may_be_ended(session):
            self._end(ledger, holder, session)

    def timed_out(self, seconds: float) -> LockTimeout:
        """Give the error that ends the waiting."""
        hint = "Wait for that run to end; nothing was changed by this one."
        if self._run_id is not None:
            hint += (
                f" If its process is gone or frozen: --take-over {self._run_id} ends its session "
                f"once that has been idle for {self._idle_seconds:g} s."
            )
        return LockTimeout(
            Reason.ADVISORY_LOCK_TIMEOUT,
            f"the migration lock was not free within {seconds:g} s; it is held by {self._holder}",
            hint=hint,
        )

    def _may_be_ended(self, session: _Session) -> bool:
        idle = session.idle and session.seconds > self._idle_seconds
        return idle and session.run_id in self._may_end

    def _end(self, ledger: Ledger, holder: lock.Holder, session: _Session) -> None:
        """End the session if all of it is still so; another role's may not be ours to end."""
        values = {
            "pid": holder.pid,
            "run_id": session.run_id,
            "seconds": self._idle_seconds,
        }
        try:
            with translated():
                ended = ledger.execute(_END, values).fetchone()
        except Failure as error:
            if error.reason is not Reason.PERMISSION_DENIED:
                raise
            self._tell(EventName.WAITING_FOR_LOCK, f"{self._holder}: cannot be ended: {error}")
        else:
            if ended is not None:
                self._tell(EventName.TAKING_OVER, f"ended {self._holder}")

    def _tell(self, name: EventName, message: str) -> None:
        waits = name is EventName.WAITING_FOR_LOCK
        self._events(
            Event(
                name=name,
                message=message,
                warning=True,
                waiting_for="the migration lock" if waits else "",
                blockers=(self._holder,) if waits else (),
            )
        )


def watch_holder(connection: Connection, spec: RunSpec, tools: Tools) -> HolderWatch:
    """Make the watch of a run."""
    ledger = Ledger(connection, spec.ledger.schema)
    return HolderWatch(
        connection,
        tools.events,
        find_ledger=lambda: ledger if schema.find_version(ledger) else None,
        may_end=frozenset(filter(None, (spec.run.id, spec.supersedes))),
        idle_seconds=tools.patience.idle_holder,
    )


def _find_session(ledger: Ledger, pid: int) -> _Session | None:
    query = SQL(_SESSION).format(ledger=Identifier(ledger.schema))
    with translated(), ledger.connection.cursor(row_factory=class_row(_Session)) as cursor:
        return cursor.execute(query, {"pid": pid}).fetchone()
