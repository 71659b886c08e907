"""Full disks, for real: rolled back and named, and fine again when there is room."""

import os
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import Event, EventName
from tests.postgres.databases import ROLE, make_role
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.servers import Server, is_running, running_server, server_folder
from tests.postgres.small_disk import SmallDisk, small_disk

BIG = "CREATE TABLE big AS SELECT g, repeat('x', 900) AS filler FROM generate_series(1, 20000) g"
"""About 20 MB."""


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    """Give a disk with room for a database and what the tests put into it."""
    with server_folder() as folder, small_disk(folder / "disk", 40) as disk:
        yield disk


@pytest.fixture
def cramped(database: Database, disk: SmallDisk) -> Iterator[Database]:
    """Give a database that is on that disk with all it has, its ledger included."""
    name = f"t{uuid4().hex[:12]}"
    database.query(f"CREATE TABLESPACE {name} LOCATION '{disk.root}'", superuser=True)
    database.query(
        f"CREATE DATABASE {name} OWNER {database.role} TABLESPACE {name}", superuser=True
    )
    yield replace(database, name=name)
    database.query(f"DROP DATABASE {name} WITH (FORCE)", superuser=True)
    database.query(f"DROP TABLESPACE {name}", superuser=True)


def test_a_full_data_disk_fails_the_file_once_and_is_named(
    cramped: Database, disk: SmallDisk, project: Project
) -> None:
    """Fault 14: DiskFull with what to do, rolled back, tried once; with room it succeeds."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    disk.fill(leaving=8 * 2**20)
    done = attempt(cramped, make_spec(project)).result
    assert done.outcome is Outcome.SUCCEEDED, done.message
    before = cramped.dump()
    project.migration("2", BIG, "DROP TABLE big")
    spec = make_spec(project)
    ended = attempt(cramped, spec)
    assert (ended.outcome, ended.result.reason) == (Outcome.FAILED, Reason.DISK_FULL)
    assert ended.result.failure is not None
    assert ended.result.failure.sqlstate == "53100"
    assert "Free space" in ended.result.failure.hint
    assert len(ended.messages(EventName.APPLYING)) == 1
    assert cramped.dump() == before
    disk.clear()
    assert attempt(cramped, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert cramped.versions == ["1", "2"]


def test_a_disk_without_room_for_the_ledger_either_is_named(
    cramped: Database, disk: SmallDisk, project: Project
) -> None:
    """Fault 14: what cannot be recorded is still said, and continued once there is room."""
    project.migration("1", "CREATE TABLE a (x int)")
    assert attempt(cramped, make_spec(project)).outcome is Outcome.SUCCEEDED
    incompressible = os.urandom(60_000).hex()
    project.migration("2", f"CREATE TABLE b (x int) -- {incompressible}")
    disk.fill(leaving=0)
    done = attempt(cramped, make_spec(project)).result
    assert not done.outcome.succeeded
    assert done.reason == Reason.DISK_FULL, done.message
    assert "No space left on device" in done.message
    disk.clear()
    assert attempt(cramped, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert cramped.versions == ["1", "2"]


def test_a_disk_without_room_for_a_connection_is_worth_another_attempt(
    cramped: Database, disk: SmallDisk, project: Project
) -> None:
    """Fault 14: the server takes nobody; Unreachable, in its words, and nothing was changed."""
    project.migration("1", "CREATE TABLE a (x int)")
    disk.fill(leaving=0)
    done = attempt(cramped, make_spec(project)).result
    assert done.outcome is Outcome.UNREACHABLE
    assert "FATAL: could not write" in done.message
    disk.clear()
    assert attempt(cramped, make_spec(project)).outcome is Outcome.SUCCEEDED


@pytest.fixture
def panicking(server: Server) -> Iterator[tuple[Database, SmallDisk]]:
    """Give a database on a server of its own whose log of changes is on a small disk."""
    with (
        server_folder() as folder,
        small_disk(folder / "disk", 32) as disk,
        running_server(
            server.version,
            initdb=(f"--waldir={disk.root / 'wal'}", "--wal-segsize=1"),
            settings={
                "restart_after_crash": "off",
                "max_wal_size": "8MB",
                "synchronous_commit": "on",  # the panic takes nothing back
            },
        ) as own,
    ):
        make_role(own)
        yield Database(own, "postgres", ROLE), disk


def test_a_full_disk_of_the_log_of_changes_is_survived(
    panicking: tuple[Database, SmallDisk], project: Project
) -> None:
    """Fault 15: the server panics; it is tried until it is back, and the file runs again."""
    database, disk = panicking
    database.query("GRANT CREATE ON DATABASE postgres TO app", superuser=True)
    project.migration("1", "CREATE SCHEMA s; CREATE TABLE s.a (x int)")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    project.migration("2", BIG.replace("big", "s.big"))
    disk.fill(leaving=2**20)

    def make_room(event: Event) -> None:
        if event.name is EventName.WAITING_FOR_SERVER and not is_running(database.server):
            disk.clear()
            database.server.start()

    done = attempt(database, make_spec(project), during=make_room)
    assert done.outcome is Outcome.SUCCEEDED
    assert done.messages(EventName.WAITING_FOR_SERVER), "that it is out of reach is told"
    assert "PANIC" in database.server.log
    assert database.versions == ["1", "2"]
