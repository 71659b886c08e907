"""kill -9 of the runner at any moment of a run that goes back: the next attempt arrives."""

import os
import random
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from tests.postgres.databases import database_on
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.servers import Server

_MOMENTS: Final = int(os.environ.get("MESHMIGRATE_TEST_MOMENTS", "50"))
"""Of each server version; more of them look more closely."""
_PARTS: Final = 2
"""Tests that share the moments, so that two workers do."""
_WITHIN: Final = 0.05
"""Seconds after a line of the log."""

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


def told_undisturbed(server: Server, project: Project, folder: Path) -> list[str]:
    """Give the events of the run that nobody kills."""
    with database_on(server) as database:
        database.query(BEFORE)
        with Runner(folder, database, make_spec(project)) as runner:
            assert runner.wait() == Outcome.ROLLED_BACK.exit_code
            return [line["event"] for line in runner.lines]


@pytest.mark.parametrize("part", range(_PARTS))
def test_killed_at_any_moment_the_next_attempt_arrives_where_the_run_began(
    server: Server, project: Project, tmp_path: Path, part: int
) -> None:
    """RolledBack, with schema, data and history as they were, whatever was under way.

    Every other moment is one of the way back: kills fall on both ways.
    """
    events = told_undisturbed(server, four(project), tmp_path)
    turn = events.index("turning-back")
    fell = []
    for seed in range(part, _MOMENTS, _PARTS):
        moment = random.Random(seed)  # noqa: S311  a test's choice, to be made again
        back = seed // _PARTS % 2 == 1
        lines = moment.randint(turn + 1, len(events) - 1) if back else moment.randint(0, turn)
        seconds = moment.uniform(0, _WITHIN)
        with database_on(server) as database:
            fell.append(kill_and_continue(database, project, tmp_path, lines, seconds))
    assert {"forward", "back"} <= set(fell), fell


def kill_and_continue(
    database: Database, project: Project, folder: Path, lines: int, seconds: float
) -> str:
    """Kill a run so long after so many lines of its log, and make the next attempt; say where."""
    database.query(BEFORE)
    before = database.dump()
    spec = make_spec(project)
    with Runner(folder, database, spec) as runner:
        eventually(
            lambda: runner.output.count("\n") >= lines or runner.process.poll() is not None,
            f"has told {lines} things: {runner.output}",
        )
        with suppress(subprocess.TimeoutExpired):
            runner.process.wait(seconds)
        runner.kill()
        killed, told = runner.process.returncode == -signal.SIGKILL, runner.output
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    at = f"after {lines} lines and {seconds} s: {told}"
    assert done.outcome is Outcome.ROLLED_BACK, (done, at)
    assert done.failure is not None, at
    assert done.failure.version == "4", at
    assert (database.dump(), database.versions) == (before, []), at
    assert database.query("SELECT 1 FROM meshmigrate.step") == [], at
    assert database.query("SELECT 1 FROM meshmigrate.run WHERE finished_at IS NULL") == [], at
    if not killed:
        return "ended before"
    return "back" if "turning-back" in told else "forward"
