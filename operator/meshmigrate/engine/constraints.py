"""Constraints that can wait for the end of a transaction, where several files share one."""

from typing import Final

from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import defer
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

    Cursors have to go too, which the end of a transaction would take away.
    """
    session.reset(connection, server)
    defer(connection, b"CLOSE ALL;")


def check_constraints(connection: Connection) -> None:
    """Check all that can wait now; from here on they wait again as their definition says.

    ``SET CONSTRAINTS ALL`` would hold for those, too, that a later file creates.
    """
    for names, deferred in connection.execute(_DEFERRABLE).fetchall():
        again = f"SET CONSTRAINTS {names} DEFERRED;" if deferred else ""
        connection.execute(f"SET CONSTRAINTS {names} IMMEDIATE;{again}".encode())
