"""Who holds table locks: named when a statement could not get its own."""

from collections.abc import Iterable
from typing import Final

from psycopg.rows import TupleRow

from meshmigrate.engine.connect import Connection
from meshmigrate.engine.session import translated

# Never their query text: it may hold what is not ours to show. The transaction start of other
# roles is hidden from an ordinary one, their locks are not.
_BLOCKERS: Final = """
SELECT DISTINCT ON (a.xact_start, l.pid)
       l.pid, coalesce(a.application_name, ''), coalesce(a.state, 'state hidden'),
       coalesce(pg_catalog.to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'), '')
FROM pg_catalog.pg_locks AS l
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid()
  AND l.relation >= 16384
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                    WHERE d.datname = pg_catalog.current_database())
ORDER BY a.xact_start NULLS LAST, l.pid
LIMIT 3
"""


def describe_blockers(connection: Connection) -> str:
    """Name the sessions with table locks, the oldest transactions first; empty if none."""
    with translated():
        rows = connection.execute(_BLOCKERS).fetchall()
    return "; ".join(session_names(rows))


def session_names(rows: Iterable[TupleRow]) -> tuple[str, ...]:
    """Name sessions, given process id, application, state and start of the transaction of each."""
    return tuple(
        f"process {pid}"
        + (f" '{application}'" if application else "")
        + f" ({state}"
        + (f", in a transaction since {since})" if since else ")")
        for pid, application, state, since in rows
    )
