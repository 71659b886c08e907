"""How a script left the session: asked behind it, in one message with taking the session back."""

from typing import Final, NamedTuple

from psycopg.pq.abc import PGresult

from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import WorkingConnection, defer
from meshmigrate.engine.probe import Server
from meshmigrate.engine.session import forget_prepared, mark, taking_back, translated

# Not prepared, as a script may have replaced what is: so it is short.
# Joined: a script may have left nothing prepared, and then too its end is to be told.
_LEFT: Final = b"""
SELECT pg_catalog.pg_current_xact_id(), pg_catalog.clock_timestamp(), %b, p.name, p.prepare_time
FROM (SELECT) AS one LEFT JOIN pg_catalog.pg_prepared_statement() AS p ON true
"""
_NOTHING: Final = b"NULL"


class Left(NamedTuple):
    """How a script left the session."""

    transaction: str
    """The id of the transaction."""
    at: str
    """When, by the server's clock."""
    also: str
    """What else was asked; empty if nothing was."""


def leave(connection: Connection, server: Server) -> Left:
    """Take role, settings and names back from a script; tell how it left the session."""
    with translated():
        defer(connection, taking_back(server))
        result = connection.execute(_LEFT % _NOTHING).pgresult
        if result is None:
            raise RuntimeError("a SELECT has no result")
        return learn(connection, result)


def leaving(server: Server, also: bytes = _NOTHING) -> bytes:
    """Give the statements that leave a script, to be sent behind it; the last one has a result.

    Parameters
    ----------
    also
        What else to ask, as an expression.
    """
    return taking_back(server) + _LEFT % also


def learn(connection: Connection, result: PGresult) -> Left:
    """Learn from the result how the script left the session.

    What it has prepared is forgotten, and if it has touched what we have, so is that.
    """
    rows = [
        [(result.get_value(row, column) or b"").decode() for column in range(result.nfields)]
        for row in range(result.ntuples)
    ]
    if isinstance(connection, WorkingConnection):
        found = frozenset((name, since) for *_, name, since in rows if name)
        if found != connection.prepared.seen:
            forget_prepared(connection)
    mark(connection, at_baseline=True)
    return Left(*rows[0][:3])
