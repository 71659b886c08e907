"""Constraints that can wait for the end of a transaction, where several files share one."""

from collections.abc import Iterable
from typing import Final

from meshmigrate.domain.script import Statement
from meshmigrate.engine import session
from meshmigrate.engine.batches import BATCHED
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

ANY_CAN_WAIT: Final = b"""
EXISTS (SELECT FROM pg_catalog.pg_constraint AS c
        WHERE c.condeferrable AND NOT pg_catalog.pg_is_other_temp_schema(c.connamespace))
"""
"""SQL that is true where any constraint can wait, other sessions' temporary tables apart."""
_WORD: Final = "deferr"
"""In every definition of such a constraint."""
_OPAQUE: Final = frozenset(
    {
        "ALTER EXTENSION",
        "CALL",
        "CREATE EXTENSION",
        "CREATE MATERIALIZED VIEW",
        "CREATE TABLE AS",
        "DO",
        "EXECUTE",
        "EXPLAIN",
        "REFRESH MATERIALIZED VIEW",
        "SELECT",
    }
)
"""Kinds that run what does not stand in them."""


def any_can_wait(connection: Connection) -> bool:
    """Tell whether any constraint of the database can wait."""
    row = connection.execute(b"SELECT " + ANY_CAN_WAIT).fetchone()
    return row is None or bool(row[0])


def may_let_wait(statements: Iterable[Statement]) -> bool:
    """Tell whether statements make a constraint that can wait, as far as can be read in them."""
    return any(
        _WORD in statement.text.lower() for statement in statements if statement.kind not in BATCHED
    )


def may_hide(statements: Iterable[Statement]) -> bool:
    """Tell whether statements may make such a constraint so that nobody can read it in them."""
    return any(statement.kind in _OPAQUE for statement in statements)


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
