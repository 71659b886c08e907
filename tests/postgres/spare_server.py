"""A server of a test file's own: it may be crashed, and it publishes."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from tests.postgres.harness import PASSWORD, Database
from tests.postgres.servers import SUPERUSER_PASSWORD, Server, running_server

ORDINARY: Final = "app"
ALMIGHTY: Final = "admin"


@contextmanager
def spare_server(version: str) -> Iterator[Server]:
    """Run a server until the block ends: a commit survives its crash, slots can be made."""
    with running_server(version) as server:
        with administrator(server) as connection:
            connection.execute("ALTER SYSTEM SET wal_level = 'logical'")
            connection.execute("ALTER SYSTEM SET synchronous_commit = 'on'")
            for role, attribute in ((ORDINARY, "NOSUPERUSER"), (ALMIGHTY, "SUPERUSER")):
                connection.execute(
                    SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                        Identifier(role), SQL(attribute), Literal(PASSWORD)
                    )
                )
        restart(server, "fast")
        yield server


def new_database(server: Server, role: str = ORDINARY) -> Database:
    """Make a database on it that the role owns and works in."""
    database = Database(server, f"t{uuid4().hex[:12]}", role)
    with administrator(server) as connection:
        name, owner = Identifier(database.name), Identifier(role)
        connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    return database


def restart(server: Server, mode: str) -> None:
    """Stop a server and start it again: ``immediate`` is a crash, and recovery follows."""
    owner, is_root = server.data.stat(), os.getuid() == 0
    log = server.data / "server.log"
    subprocess.run(
        [
            server.programs / "pg_ctl",
            f"--pgdata={server.data}",
            f"--mode={mode}",
            f"--log={log}",
            "--wait",
            "restart",
        ],
        stdout=subprocess.DEVNULL,
        check=True,
        user=owner.st_uid if is_root else None,
        group=owner.st_gid if is_root else None,
        extra_groups=[] if is_root else None,
    )


def administrator(server: Server) -> psycopg.Connection[tuple[object, ...]]:
    """Open a connection with all rights."""
    return psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        dbname="postgres",
        user="postgres",
        password=SUPERUSER_PASSWORD,
        autocommit=True,
    )
