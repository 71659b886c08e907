"""Databases of a test's own, on whichever server it uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from tests.postgres.harness import PASSWORD, Database
from tests.postgres.servers import SUPERUSER_PASSWORD, Server

ROLE: Final = "app"


def make_role(server: Server) -> None:
    """Make the ordinary role that owns the tests' databases."""
    with administrator(server) as connection:
        connection.execute(
            SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(ROLE), Literal(PASSWORD))
        )


@contextmanager
def database_on(server: Server) -> Iterator[Database]:
    """Make a database, owned by the ordinary role; it is dropped when the block ends."""
    name = f"t{uuid4().hex[:12]}"
    with administrator(server) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(ROLE))
        )
        yield Database(server, name, ROLE)
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def own_public(database: Database) -> None:
    """Give the schema ``public`` to who owns the database, as PostgreSQL does since 15."""
    with database.connect(superuser=True) as connection:
        connection.execute(SQL("ALTER SCHEMA public OWNER TO {}").format(Identifier(database.role)))


def administrator(server: Server) -> psycopg.Connection[TupleRow]:
    """Connect as the superuser, in autocommit mode."""
    return psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        dbname="postgres",
        user="postgres",
        password=SUPERUSER_PASSWORD,
        autocommit=True,
    )
