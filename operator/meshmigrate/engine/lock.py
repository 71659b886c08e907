"""One run per database: a session advisory lock on the connection that does the work."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from psycopg.rows import class_row

from meshmigrate.domain.errors import LockTimeout, MigrationError
from meshmigrate.engine.clock import Clock, Deadline
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.session import translated
from meshmigrate.observe.traces import span

LOCK_KEY: Final = -9046429974063706722
"""The first eight bytes of SHA-256("meshmigrate") as a signed number: for ever the same,
whatever the ledger's schema, so that any two runs on one database exclude each other."""

_POLL_SECONDS: Final = 0.5

_TRY = "SELECT pg_catalog.pg_try_advisory_lock(%(key)s)"
_RELEASE = "SELECT pg_catalog.pg_advisory_unlock(%(key)s)"

# pg_locks shows a bigint key as two halves (PostgreSQL manual, "pg_locks").
_IS_OURS = """
    l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.classid = ((%(key)s::bigint >> 32) & 4294967295)::oid
    AND l.objid = (%(key)s::bigint & 4294967295)::oid
"""
_IS_HERE = """
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                      WHERE d.datname = pg_catalog.current_database())
"""
IS_OURS: Final = "l.pid = pg_catalog.pg_backend_pid() AND" + _IS_OURS.replace(
    "%(key)s", f"'{LOCK_KEY}'"
)
"""SQL that is true of the row of ``pg_locks AS l`` by which this session holds the lock."""
HELD_BY_US: Final = (
    "EXISTS (SELECT FROM pg_catalog.pg_locks AS l WHERE l.pid = pg_catalog.pg_backend_pid() AND"
    + _IS_OURS
    + ")"
)
"""SQL that is true while this session holds the lock; needs the parameter ``key``."""
_HOLDER = (
    """
SELECT l.pid, coalesce(a.application_name, '') AS application_name,
       coalesce(a.usename, '') AS role,
       coalesce(pg_catalog.to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ'), '') AS since
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE """
    + _IS_OURS
    + _IS_HERE
)


@dataclass(frozen=True, slots=True)
class Holder:
    """The session that has the lock."""

    pid: int
    application_name: str
    role: str
    since: str

    def __str__(self) -> str:
        name = f" '{self.application_name}'" if self.application_name else ""
        role = f" of role {self.role}" if self.role else ""
        since = f", connected since {self.since}" if self.since else ""
        return f"process {self.pid}{name}{role}{since}"


class Watch(Protocol):
    """Who looks after the holder while the lock is not to be had."""

    def look(self) -> None:
        """Look at the holder."""
        ...

    def timed_out(self, seconds: float) -> LockTimeout:
        """Give the error that ends the waiting, naming the holder."""
        ...


def acquire(
    connection: Connection,
    timeout_seconds: float,
    clock: Clock,
    watch: Watch,
    *,
    jitter: Callable[[], float] = random.random,
) -> float:
    """Take the lock and give the seconds it took.

    Polled, never waited for inside the server: a waiter there holds a snapshot, which CREATE
    INDEX CONCURRENTLY of the holder would wait for in turn, for ever (measured).

    Raises
    ------
    LockTimeout
        ``AdvisoryLockTimeout``, naming the holder.
    """
    deadline = Deadline(clock, timeout_seconds, name="acquireTimeoutSeconds")
    start = clock.monotonic()
    with span("lock wait"):
        while not _scalar(connection, _TRY):
            watch.look()
            if deadline.passed:
                raise watch.timed_out(timeout_seconds)
            clock.sleep(min(_POLL_SECONDS * (0.5 + jitter()), max(deadline.remaining, 0.01)))
    return clock.monotonic() - start


def release(connection: Connection) -> None:
    """Give the lock back: behind a session pooler the server session outlives ours.

    Where the connection is lost, the lock has ended with it.
    """
    with suppress(MigrationError):
        _scalar(connection, _RELEASE)


def find_holder(connection: Connection) -> Holder | None:
    """Name the session that has the lock, if there is one."""
    with translated(), connection.cursor(row_factory=class_row(Holder)) as cursor:
        return cursor.execute(_HOLDER, {"key": LOCK_KEY}).fetchone()


def _scalar(connection: Connection, query: str) -> bool:
    with translated():
        row = connection.execute(query.encode(), {"key": LOCK_KEY}).fetchone()
    return bool(row and row[0])
