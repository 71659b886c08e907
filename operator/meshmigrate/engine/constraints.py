"""Constraints that can wait for the end of a transaction, where several files share one."""

from typing import Final

from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.probe import Server

_DEFERRABLE: Final = """
SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', s.nspname, c.conname), ', '),
       c.condeferred
FROM pg_catalog.pg_constraint AS c
JOIN pg_catalog.pg_namespace AS s ON s.oid = c.connamespace
WHERE c.condeferrable AND pg_catalog.has_schema_privilege(s.oid, 'USAGE')
  AND NOT pg_catalog.pg_is_other_temp_schema(s.oid)
GROUP BY c.condeferred ORDER BY c.condeferred
"""


def separate(connection: Connection, server: Server) -> None:
    """Bring the session to its baseline between two files of one transaction.

    Cursors have to go too, which the end of a transaction would take away, and constraints are
    checked again when their definition says.
    """
    session.reset(connection, server)
    with session.translated():
        connection.execute("CLOSE ALL")
        for names, deferred in deferrable_constraints(connection):
            when = "DEFERRED" if deferred else "IMMEDIATE"
            connection.execute(f"SET CONSTRAINTS {names} {when}".encode())


def deferrable_constraints(connection: Connection) -> list[tuple[str, bool]]:
    """Give the names of the constraints that are initially immediate, and of those deferred.

    ``SET CONSTRAINTS ALL`` would hold for those, too, that a later file creates.
    """
    return [(names, deferred) for names, deferred in connection.execute(_DEFERRABLE)]
