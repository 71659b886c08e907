"""Fixtures: every test runs on each server, with a database and a folder of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from meshmigrate.domain.runspec import RunSpec
from tests.postgres.harness import GATE, PASSWORD, Database, Project
from tests.postgres.processes import Runner
from tests.postgres.servers import (
    SUPERUSER_PASSWORD,
    VERSIONS,
    Server,
    end_leftovers,
    running_server,
)
from tests.postgres.spare_server import spare_server

_ROLE = "app"


@pytest.fixture(scope="session", autouse=True)
def _no_leftovers() -> None:
    end_leftovers()


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"pg{version}")
def server(request: pytest.FixtureRequest, _no_leftovers: None) -> Iterator[Server]:
    """Give a running server of each version."""
    with running_server(request.param) as server:
        with _administrator(server) as connection:
            connection.execute(
                SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(_ROLE), Literal(PASSWORD))
            )
        yield server


@pytest.fixture(scope="session")
def spare(server: Server) -> Iterator[Server]:
    """Give another server of that version, which may be crashed."""
    with spare_server(server.version) as spare:
        yield spare


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """Give a fresh database, owned by an ordinary role."""
    name = f"t{uuid4().hex[:12]}"
    with _administrator(server) as connection:
        connection.execute(
            SQL("CREATE DATABASE {} OWNER {}").format(Identifier(name), Identifier(_ROLE))
        )
        yield Database(server, name, _ROLE)
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Give an empty folder for migrations."""
    root = tmp_path / "project"
    root.joinpath("migrations").mkdir(parents=True)
    return Project(root)


@pytest.fixture
def start_runner(tmp_path: Path, database: Database) -> Iterator[Callable[[RunSpec], Runner]]:
    """Give a way to start runner processes, which end with the test."""
    with ExitStack() as running:
        yield lambda spec: running.enter_context(Runner(tmp_path, database, spec))


@pytest.fixture
def gate(database: Database) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Give a connection that holds the gate until it is closed or unlocks it."""
    with database.connect() as connection:
        connection.execute(SQL("SELECT pg_advisory_lock({})").format(Literal(GATE)))
        yield connection


def _administrator(server: Server) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        dbname="postgres",
        user="postgres",
        password=SUPERUSER_PASSWORD,
        autocommit=True,
    )
