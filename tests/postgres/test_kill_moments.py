"""kill -9 of the runner at any moment of a run that goes back: the next attempt arrives."""

import os
import random
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import RunSpec
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner

StartRunner = Callable[[RunSpec], Runner]

_MOMENTS: Final = int(os.environ.get("MESHMIGRATE_TEST_MOMENTS", "50"))
"""Of each server version; more of them look more closely."""
_EVENTS: Final = 18
"""Lines of the log that such a run writes before its last one."""
_WITHIN: Final = 0.05
"""Seconds after one of them."""

BEFORE: Final = "CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1), (2)"


def four(project: Project) -> Project:
    """Write two versions in transactions around one in steps, and one that fails."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration(
        "2",
        "ALTER TABLE users ADD y int; CREATE INDEX CONCURRENTLY i ON users (y);"
        "CREATE INDEX CONCURRENTLY j ON a (x)",
        "DROP INDEX CONCURRENTLY IF EXISTS j; DROP INDEX CONCURRENTLY IF EXISTS i;"
        "ALTER TABLE users DROP y",
    )
    project.migration("3", "CREATE TABLE b (x int)", "DROP TABLE b")
    return project.migration("4", "SELECT 1 / 0")


@pytest.mark.parametrize("seed", range(_MOMENTS))
def test_killed_at_any_moment_the_next_attempt_arrives_where_the_run_began(
    database: Database, project: Project, start_runner: StartRunner, seed: int
) -> None:
    """RolledBack, with schema, data and history as they were, whatever was under way."""
    moment = random.Random(seed)  # noqa: S311  a test's choice, to be made again
    lines, seconds = moment.randint(0, _EVENTS), moment.uniform(0, _WITHIN)
    database.query(BEFORE)
    before = database.dump()
    spec = make_spec(four(project))
    runner = start_runner(spec)
    eventually(
        lambda: runner.output.count("\n") >= lines or runner.process.poll() is not None,
        f"has told {lines} things: {runner.output}",
    )
    with suppress(subprocess.TimeoutExpired):
        runner.process.wait(seconds)
    runner.kill()
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.ROLLED_BACK, done
    assert done.failure is not None
    assert done.failure.version == "4"
    assert (database.dump(), database.versions) == (before, [])
    assert database.query("SELECT 1 FROM meshmigrate.step") == []
    assert database.query("SELECT 1 FROM meshmigrate.run WHERE finished_at IS NULL") == []
