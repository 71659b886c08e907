"""Whether an index is what a statement makes: found out by making it on an empty stand-in."""

from meshmigrate.domain.script import STAND_IN, Outside
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.lookup import find_definition, quoted
from meshmigrate.engine.probe import Server


def is_as_written(
    connection: Connection, server: Server, outside: Outside, index: str, table: str
) -> bool:
    """Compare an index with what its statement makes of a temporary table like its own.

    Raises
    ------
    MigrationError
        What the server's error means: the role may lack the right to make temporary tables.
    """
    there = find_definition(connection, index)
    stand_in = f"{STAND_IN}.{quoted(outside.table[-1:])}"
    with session.transaction(connection):
        session.enter_script(connection, server)
        connection.execute(f"CREATE TEMPORARY TABLE {stand_in} (LIKE {table})".encode())
        connection.execute(outside.definition.encode())
        session.look_as_script(connection, server)
        wanted = find_definition(connection, f"{STAND_IN}.{quoted(outside.object)}")
        connection.execute(f"DROP TABLE {stand_in}".encode())
    return there == wanted
