"""A database that moved with its history: dumped, and restored on another server."""

import json
import os
import subprocess
from uuid import UUID

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import EventName
from meshmigrate.engine.rollback import roll_back
from tests.postgres.cutting import PER_FILE, cut_off
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import run_command
from tests.postgres.programs import clients
from tests.postgres.servers import SUPERUSER_PASSWORD, Server
from tests.postgres.spare_server import new_database

_SINCE_17 = "SET transaction_timeout = 0;"
"""The newest pg_dump writes it, which older servers do not know."""


def move(database: Database, server: Server) -> Database:
    """Dump a database with all that is in it, and restore it on another server."""
    moved = new_database(server)
    environment = os.environ | {"PGPASSWORD": SUPERUSER_PASSWORD}
    dump = subprocess.run(
        [clients() / "pg_dump", f"--dbname={_address(database)}"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    subprocess.run(
        [clients() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={_address(moved)}"],
        env=environment,
        input=dump.replace(_SINCE_17, ""),
        capture_output=True,
        text=True,
        check=True,
    )
    return moved


def _address(database: Database) -> str:
    return f"host=127.0.0.1 port={database.server.port} user=postgres dbname={database.name}"


def verified(database: Database, project: Project) -> bool:
    """Whether the log is as it was written."""
    done = run_command(database, project.root, "log", "--verify", "--json")
    assert done.returncode == 0, done.stdout
    whole: bool = json.loads(done.stdout)["chain"]["intact"]
    return whole


@pytest.fixture
def two(project: Project) -> Project:
    """Two versions that can be taken back."""
    project.migration("1", "CREATE TABLE a (x int, CHECK (x > 0))", "DROP TABLE a")
    project.migration("2", "CREATE INDEX CONCURRENTLY i ON a (x)", "DROP INDEX CONCURRENTLY i")
    return project


def test_there_is_nothing_to_do_and_it_goes_on_from_there(
    database: Database, spare: Server, two: Project
) -> None:
    """Not a row is written; the next file is applied, and what was applied elsewhere taken back."""
    for target in ("1", "2"):
        assert attempt(database, make_spec(two, target=target)).outcome is Outcome.SUCCEEDED
    moved = move(database, spare)
    assert attempt(moved, make_spec(two)).outcome is Outcome.UP_TO_DATE
    assert (moved.log, moved.versions) == (database.log, ["1", "2"])
    assert verified(moved, two)
    two.migration("3", "ALTER TABLE a ADD COLUMN y int", "ALTER TABLE a DROP COLUMN y")
    assert attempt(moved, make_spec(two)).outcome is Outcome.SUCCEEDED
    back = attempt(moved, make_spec(two, target="1"), start=roll_back).result
    assert (back.outcome, back.reason) == (Outcome.SUCCEEDED, Reason.SUCCEEDED)
    assert "as it was when the database last was at version 1" in back.message
    assert moved.versions == ["1"]
    assert verified(moved, two)


def test_a_run_that_had_ended_stays_so(database: Database, spare: Server, two: Project) -> None:
    """Its result is given again, on whichever server it is asked for."""
    done = attempt(database, make_spec(two)).result
    moved = move(database, spare)
    again = attempt(moved, make_spec(two, run_id=UUID(done.run_id), attempt=2)).result
    assert (again.outcome, again.attempt, again.applied) == (done.outcome, 1, done.applied)


@pytest.mark.parametrize("at", [EventName.APPLYING, EventName.APPLIED])
def test_a_run_that_had_not_ended_is_closed_by_the_next_one(
    database: Database, spare: Server, two: Project, at: EventName
) -> None:
    """The lease names a session that is nobody's here; the run itself belongs to where it began."""
    two.migration("3", "ALTER TABLE a ADD COLUMN y int", "ALTER TABLE a DROP COLUMN y")
    spec = cut_off(database, two, at, "3")
    moved = move(database, spare)
    same = attempt(moved, make_spec(two, run_id=spec.run.id, attempt=2, policy=PER_FILE)).result
    assert (same.outcome, same.reason) == (Outcome.REFUSED, Reason.SOURCE_CHANGED)
    assert "began in another database" in same.message
    assert moved.versions == database.versions
    done = attempt(moved, make_spec(two)).outcome
    assert done is (Outcome.UP_TO_DATE if at is EventName.APPLIED else Outcome.SUCCEEDED)
    assert moved.versions == ["1", "2", "3"]
    reasons = moved.query("SELECT reason FROM meshmigrate.run WHERE id = %s", spec.run.id)
    assert reasons == [("Abandoned",)]
    assert verified(moved, two)
