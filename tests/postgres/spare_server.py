"""A second server: it may be crashed, and it publishes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from psycopg.sql import SQL, Identifier, Literal

from tests.postgres.databases import ROLE, administrator, make_role
from tests.postgres.harness import PASSWORD, Database
from tests.postgres.servers import Server, running_server

ALMIGHTY: Final = "admin"
_SETTINGS: Final = {"synchronous_commit": "on", "wal_level": "logical"}


@contextmanager
def spare_server(version: str) -> Iterator[Server]:
    """Run a server until the block ends: a commit survives its crash, slots can be made."""
    with running_server(version, settings=_SETTINGS) as server:
        make_role(server)
        with administrator(server) as connection:
            connection.execute(
                SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD {}").format(
                    Identifier(ALMIGHTY), Literal(PASSWORD)
                )
            )
        yield server


def new_database(server: Server, role: str = ROLE) -> Database:
    """Make a database on it that the role owns and works in; it goes with the server."""
    database = Database(server, f"t{uuid4().hex[:12]}", role)
    with administrator(server) as connection:
        name, owner = Identifier(database.name), Identifier(role)
        connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    return database


def crash(server: Server) -> None:
    """End a server without a checkpoint, and have it back: recovery comes first."""
    server.stop("immediate")
    server.start()
