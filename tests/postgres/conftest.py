"""Fixtures: every test runs on each server, with a database and a folder of its own."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Literal

from meshmigrate.domain.runspec import RunSpec
from tests.postgres.databases import database_on, make_role
from tests.postgres.far_node import end_lost_nodes
from tests.postgres.harness import GATE, Database, Project
from tests.postgres.processes import Runner
from tests.postgres.programs import OLDEST_TO_NEWEST
from tests.postgres.servers import Server, alone, end_leftovers, running_server
from tests.postgres.spare_server import spare_server

_EVERYWHERE = "MESHMIGRATE_TEST_EVERYWHERE"
"""Variable that, set to anything, runs every test on every version that can tell a difference."""

_TWO = ("15", "18")
_MARKERS = {
    "one_version": (("18",), ("14", "18")),
    "two_versions": (_TWO, _TWO),
    "every_version": (OLDEST_TO_NEWEST, OLDEST_TO_NEWEST),
    "": (_TWO, OLDEST_TO_NEWEST),
}
"""The versions that a test with this marker runs on, and those it runs on everywhere."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that needs a server its versions; a marker of its own outdoes its file's."""
    if "server" in metafunc.fixturenames:
        named = (marker.name for marker in metafunc.definition.iter_markers())
        marker = next((name for name in named if name in _MARKERS), "")
        versions: tuple[str, ...] = _MARKERS[marker][_EVERYWHERE in os.environ]
        if since := metafunc.definition.get_closest_marker("since"):
            versions = tuple(version for version in versions if int(version) >= since.args[0])
        ids = [f"pg{version}" for version in versions]
        metafunc.parametrize("server", versions, ids=ids, indirect=True, scope="session")


@pytest.fixture(scope="session", autouse=True)
def _no_leftovers() -> None:
    with alone():  # each worker does this
        end_leftovers()
        end_lost_nodes()


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, _no_leftovers: None) -> Iterator[Server]:
    """Give a running server of the version that the test asks for."""
    with running_server(request.param) as server:
        make_role(server)
        yield server


@pytest.fixture(scope="session")
def spare(server: Server) -> Iterator[Server]:
    """Give another server of that version, which may be crashed."""
    with spare_server(server.version) as spare:
        yield spare


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """Give a fresh database, owned by an ordinary role."""
    with database_on(server) as database:
        yield database


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
