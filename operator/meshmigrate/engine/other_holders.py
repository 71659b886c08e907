"""Whether anybody is in the way at all: asked before each file, so it is planned once."""

import time
from collections.abc import Iterable
from functools import cache
from typing import Final

from psycopg import generators
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from meshmigrate.domain.table_lock import LockMode, TableLock
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import Sight, WorkingConnection, prepare, send_waiting, take
from meshmigrate.engine.lock import IS_OURS
from meshmigrate.engine.session import translated

# Asked first: where nobody is in the way of anything, nothing has to be looked up (2 ms). An
# empty mode stands for our own migration lock: one look at all locks for both takes half as long.
_MODES: Final = """
SELECT DISTINCT CASE WHEN l.locktype = 'relation' THEN l.mode ELSE '' END
FROM pg_catalog.pg_locks AS l
WHERE l.locktype = 'relation' AND l.granted
  AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                    WHERE d.datname = pg_catalog.current_database())
  OR {ours}
""".replace("{ours}", IS_OURS).encode()
_FRESH_SECONDS: Final = 0.1
"""A third of the age from which on a transaction is waited for."""


def others_hold(connection: Connection, locks: Iterable[TableLock]) -> bool:
    """Tell whether others hold anything in this database that might be in the way of the locks.

    That nobody does may have been seen behind the COMMIT just before.
    """
    in_the_way = _in_the_way(frozenset(lock.mode for lock in locks))
    sight = last_look(connection)
    if not in_the_way or (sight is not None and in_the_way.isdisjoint(sight.modes)):
        return False
    if isinstance(connection, WorkingConnection):
        connection.sight = None
    text = _MODES
    with translated():
        if isinstance(connection, WorkingConnection) and connection.at_baseline:
            text = _prepared(connection)
        return not in_the_way.isdisjoint(row[0] for row in connection.execute(text))


def commit_and_look(connection: Connection) -> None:
    """Send what waits, a COMMIT at its end, and look in the same message who is in the way then.

    Nothing that goes wrong with the look is an error: the COMMIT has been answered. Where the
    look is not prepared, the next file asks.
    """
    if not (
        isinstance(connection, WorkingConnection)
        and connection.at_baseline
        and _MODES in connection.prepared.names
    ):
        send_waiting(connection)
        return
    connection.pgconn.send_query(take(connection) + _prepared(connection))
    results = connection.wait(generators.execute(connection.pgconn))
    last = results[-1]
    if last.status == ExecStatus.TUPLES_OK:
        modes = _modes(last)
        connection.sight = Sight(modes - {""}, "" in modes, time.monotonic())
    elif not any(result.command_status == b"COMMIT" for result in results):
        raise error_from_result(last, encoding=connection.info.encoding)


def last_look(connection: Connection) -> Sight | None:
    """Give what was seen behind the last COMMIT, if that was a moment ago."""
    sight = connection.sight if isinstance(connection, WorkingConnection) else None
    return sight if sight and time.monotonic() - sight.at < _FRESH_SECONDS else None


@cache
def _in_the_way(modes: frozenset[LockMode]) -> frozenset[str]:
    return frozenset(other.listed_as for mode in modes for other in mode.conflicts)


def _modes(result: PGresult) -> frozenset[str]:
    values = (result.get_value(row, 0) for row in range(result.ntuples))
    return frozenset(value.decode() for value in values if value is not None)


def _prepared(connection: WorkingConnection) -> bytes:
    return f"EXECUTE {prepare(connection, _MODES)}".encode()
