"""The second connection: who is in the way of a statement, and how far an index is.

It only looks, and only at a statement that takes long. Its absence (a full server, a pooler
without room) costs a run nothing but these words.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Final, NamedTuple

import psycopg
from msgspec.structs import replace

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import MigrationError
from meshmigrate.engine.activity import Activity, Running
from meshmigrate.engine.blockers import session_names
from meshmigrate.engine.connect import Connection, connect
from meshmigrate.engine.events import Event, EventName, Events
from meshmigrate.engine.probe import server_pid
from meshmigrate.engine.session import translated

_INTERVAL: Final = 0.5
_LONG_SECONDS: Final = 1.0
_LOOK_INTERVAL: Final = 2.0
_TIMEOUT_SECONDS: Final = 2.0

# pg_blocking_pids stops the lock manager for a moment (PostgreSQL manual, "System Information
# Functions"), so it is asked only for a session that waits for a lock.
_LOOK: Final = """
SELECT a.wait_event_type IS NOT DISTINCT FROM 'Lock',
       coalesce((SELECT l.relation::pg_catalog.regclass::text FROM pg_catalog.pg_locks AS l
                 WHERE l.pid = a.pid AND NOT l.granted AND l.relation IS NOT NULL LIMIT 1), ''),
       coalesce(p.phase, ''),
       CASE WHEN p.blocks_total > 0 THEN 100 * p.blocks_done / p.blocks_total END
FROM pg_catalog.pg_stat_activity AS a
LEFT JOIN pg_catalog.pg_stat_progress_create_index AS p ON p.pid = a.pid
WHERE a.pid = %(pid)s
"""
_BLOCKERS: Final = """
SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.state, 'state hidden'),
       coalesce(pg_catalog.to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'), '')
FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = ANY (pg_catalog.pg_blocking_pids(%(pid)s))
ORDER BY a.xact_start NULLS LAST, a.pid LIMIT 3
"""


class _Seen(NamedTuple):
    """What the server says of a statement."""

    doing: str = ""
    waiting_for: str = ""
    blockers: tuple[str, ...] = ()


@contextmanager
def monitoring(
    read_parameters: Callable[[], ConnectionParameters],
    activity: Activity,
    events: Events,
    connection: Connection,
) -> Iterator[None]:
    """Tell twice a second what is running, while the block lasts.

    Parameters
    ----------
    read_parameters
        Gives what the second connection is made with, when it is needed.
    activity
        What runs on the working connection.
    connection
        The working connection, which is asked for its server process and not used any more.
    """
    with translated():
        pid = server_pid(connection)
    monitor = Monitor(read_parameters, pid, activity, events)
    thread = threading.Thread(target=monitor.watch, name="monitor", daemon=True)
    thread.start()
    try:
        yield
    finally:
        monitor.ended.set()
        thread.join(_TIMEOUT_SECONDS)


class Monitor:
    """Watches one working connection."""

    def __init__(
        self,
        read_parameters: Callable[[], ConnectionParameters],
        pid: int,
        activity: Activity,
        events: Events,
    ) -> None:
        self._read_parameters = read_parameters
        self._pid = pid
        self._activity = activity
        self._events = events
        self._connection: Connection | None = None
        self._has_tried = False
        self._looked = (0.0, _Seen())
        self.ended = threading.Event()
        """Set it to end the watching."""

    def watch(self) -> None:
        """Tell what is running until somebody says that it has ended."""
        with ExitStack() as cleanup:
            while not self.ended.wait(_INTERVAL):
                running = self._activity.running
                if running is not None:
                    seconds = self._activity.now - running.since
                    seen = self._find(cleanup) if seconds >= _LONG_SECONDS else _Seen()
                    self._tell(running, seconds, seen)

    def _tell(self, running: Running, seconds: float, seen: _Seen) -> None:
        if self._activity.running is not running:
            return
        place = running.location
        kind = running.statement.kind
        lasting = (
            f"has been running for {seconds:.0f} s" if seconds >= _LONG_SECONDS else "is running"
        )
        event = Event(
            name=EventName.RUNNING,
            message=f"{kind} at {place} {lasting}",
            file=place.file,
            line=place.line,
            column=place.column,
            statement=kind,
            seconds=round(seconds, 1),
            outline=partial(_outline, running.statement.text),
            doing=seen.doing,
            waiting_for=seen.waiting_for,
            blockers=seen.blockers,
        )
        if event.state:
            event = replace(event, message=f"{event.message}; {event.state}")
        self._events(event)

    def _find(self, cleanup: ExitStack) -> _Seen:
        """Give what the server knows, asked at most every two seconds."""
        now = self._activity.now
        asked, known = self._looked
        if asked and now - asked < _LOOK_INTERVAL:
            return known
        try:
            known = self._look(cleanup)
        except (psycopg.Error, MigrationError):
            known, self._connection = _Seen(), None
        self._looked = (now, known)
        return known

    def _look(self, cleanup: ExitStack) -> _Seen:
        if not self._has_tried:
            self._has_tried = True
            self._connection = cleanup.enter_context(
                closing(connect(self._read_parameters(), "monitor"))
            )
            self._connection.execute("SET search_path = ''; SET statement_timeout = '2s'")
        if self._connection is None:
            return _Seen()
        row = self._connection.execute(_LOOK, {"pid": self._pid}).fetchone()
        if row is None:
            return _Seen()
        waits, relation, phase, percent = row
        if waits:
            rows = self._connection.execute(_BLOCKERS, {"pid": self._pid}).fetchall()
            lock = f"a lock on {relation}" if relation else "a lock"
            return _Seen("", lock, session_names(rows) or ("a session that ended",))
        if phase and percent is not None:
            return _Seen(f"{phase}, {percent} %")
        return _Seen(str(phase))


def _outline(statement: str) -> str:
    from meshmigrate.sql.outline import outline  # noqa: PLC0415  needs the parser: 40 ms

    return outline(statement)
