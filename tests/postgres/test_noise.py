"""A server that talks without end, and a ledger that somebody else keeps locked."""

from collections.abc import Callable
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import Runner

pytestmark = pytest.mark.one_version  # it is our own limits that count here

StartRunner = Callable[[RunSpec], Runner]

NOTICES = (
    "DO $$ BEGIN FOR i IN 1..100000 LOOP RAISE NOTICE '%', repeat('x', 1000); END LOOP; END $$"
)
"""100 MB of them."""


def test_notices_without_end_are_let_go(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """Fault 38: neither kept in memory, of which there is little, nor repeated in log or result."""
    project.migration("1", NOTICES)
    little = ("prlimit", f"--data={100 * 2**20}")
    with Runner(tmp_path, database, make_spec(project), prefix=little) as runner:
        assert runner.wait() == 0
        assert len(runner.output) < 10_000
        assert len(runner.encoded) <= 4096


def test_an_error_as_long_as_a_book_is_cut(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Fault 38: a message of a megabyte leaves a result that fits, and a row in the log."""
    project.migration("1", "DO $$ BEGIN RAISE EXCEPTION '%', repeat('é', 1000000); END $$")
    runner = start_runner(make_spec(project))
    assert runner.wait() == 21
    assert len(runner.encoded) <= 4096
    assert runner.result.failure is not None
    assert runner.result.failure.sqlstate == "P0001"
    assert ("Failed", "1") in database.log


def test_a_ledger_that_somebody_keeps_locked_is_waited_for_and_named(
    database: Database, project: Project
) -> None:
    """Fault 34: the run ends instead of waiting for ever, and nothing was applied."""
    project.migration("1", "CREATE TABLE a (x int)")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    project.migration("2", "CREATE TABLE b (x int)")
    with database.connect() as other:
        other.execute("BEGIN; LOCK TABLE meshmigrate.lease IN EXCLUSIVE MODE")
        done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.LOCK_TIMEOUT, done
    assert done.reason == Reason.TABLE_LOCK_TIMEOUT
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]


def test_a_missing_ledger_is_made_once_under_the_lock(database: Database, project: Project) -> None:
    """Fault 34: by the one who holds the lock, and logged once."""
    project.migration("1", "CREATE TABLE a (x int)")
    done = attempt(database, make_spec(project))
    names = [str(event.name) for event in done.events]
    assert names.index("locked") < names.index("ledger-upgraded") < names.index("applying")
    assert [event for event, _ in database.log].count("LedgerUpgraded") == 1
