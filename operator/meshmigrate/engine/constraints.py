"""Constraints that can wait for the end of a transaction, where several files share one."""

from collections.abc import Iterable
from typing import Final

from meshmigrate.domain.script import Statement
from meshmigrate.engine.batches import BATCHED
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import defer

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
        "ALTER TABLE",
        "CALL",
        "COPY",
        "CREATE EXTENSION",
        "CREATE MATERIALIZED VIEW",
        "CREATE TABLE AS",
        "DECLARE CURSOR",
        "DO",
        "EXECUTE",
        "EXPLAIN",
        "FETCH",
        "MOVE",
        "REFRESH MATERIALIZED VIEW",
        "SELECT",
        "TRUNCATE TABLE",
    }
)
"""Kinds that run what does not stand in them, data statements apart: those are many."""


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
    """Tell whether statements may make such a constraint so that nobody can read it in them.

    So may a data statement, by a trigger or a function, which ``change_data`` tells.
    """
    return any(statement.kind in _OPAQUE for statement in statements)


def change_data(statements: Iterable[Statement]) -> bool:
    """Tell whether there are data statements."""
    return any(statement.kind in BATCHED for statement in statements)


def check_constraints(connection: Connection) -> None:
    """Check all that can wait now; from here on they wait again as their definition says.

    ``SET CONSTRAINTS ALL`` would hold for those, too, that a later file creates. Their names may
    have characters that the encoding which a script has left lacks.
    """
    defer(connection, b"SET client_encoding = 'UTF8';")
    for names, deferred in connection.execute(_DEFERRABLE).fetchall():
        again = f"SET CONSTRAINTS {names} DEFERRED;" if deferred else ""
        connection.execute(f"SET CONSTRAINTS {names} IMMEDIATE;{again}".encode())
