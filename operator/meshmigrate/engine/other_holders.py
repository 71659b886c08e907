"""Whether anybody is in the way at all: asked before each file, so it is planned once."""

from collections.abc import Iterable
from functools import cache
from typing import Final

from psycopg.sql import SQL, Literal

from meshmigrate.domain.table_lock import LockMode, TableLock
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import WorkingConnection, prepare
from meshmigrate.engine.session import translated

# Asked first: where nobody is in the way of anything, nothing has to be looked up (2 ms).
_OTHERS: Final = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks AS l
    WHERE l.locktype = 'relation' AND l.granted AND l.mode IN ({modes})
      AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
      AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                        WHERE d.datname = pg_catalog.current_database()))
"""


def others_hold(connection: Connection, locks: Iterable[TableLock]) -> bool:
    """Tell whether others hold anything in this database that might be in the way of the locks."""
    modes = frozenset(other for lock in locks for other in lock.mode.conflicts)
    if not modes:
        return False
    text = _others(modes)
    with translated():
        if isinstance(connection, WorkingConnection) and connection.at_baseline:
            text = f"EXECUTE {prepare(connection, text)}".encode()
        row = connection.execute(text).fetchone()
    return bool(row and row[0])


@cache
def _others(modes: frozenset[LockMode]) -> bytes:
    listed = SQL(", ").join(Literal(mode.listed_as) for mode in sorted(modes))
    return SQL(_OTHERS).format(modes=listed).as_bytes()
