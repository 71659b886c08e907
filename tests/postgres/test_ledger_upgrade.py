"""A ledger of an older release: read as it is, upgraded under the lock, refused by that release."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.engine.ledger.schema import SCHEMA_MARK
from meshmigrate.engine.lock import LOCK_KEY
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner, run_command

ROOT: Final = Path(__file__).parents[2]
NEWEST: Final = len(list((ROOT / "migrations").glob("*.sql")))


@pytest.fixture
def old(database: Database) -> Database:
    """Give a database with the ledger of the first release."""
    first = (ROOT / "migrations" / "0001_ledger.sql").read_text()
    database.query(f"CREATE SCHEMA meshmigrate; COMMENT ON SCHEMA meshmigrate IS '{SCHEMA_MARK}'")
    database.query(f"SET search_path = meshmigrate; {first}")
    database.query("INSERT INTO meshmigrate.meta (ledger_version, upgraded_at) VALUES (1, now())")
    return database


def version(database: Database) -> int:
    """Give the ledger's version."""
    return int(database.scalar("SELECT ledger_version FROM meshmigrate.meta"))


@pytest.fixture
def older_release(tmp_path: Path) -> str:
    """Give a release that knows only the first version of the ledger."""
    shutil.copytree(ROOT / "operator", tmp_path / "old" / "operator")
    (tmp_path / "old" / "migrations").mkdir()
    shutil.copy(ROOT / "migrations" / "0001_ledger.sql", tmp_path / "old" / "migrations")
    return str(tmp_path / "old" / "operator")


def test_whoever_only_looks_leaves_an_old_ledger_as_it_is(old: Database, project: Project) -> None:
    """What it has no place for is not known."""
    project.migration("1", "SELECT 1", "SELECT 1").migration("2", "SELECT 1", "SELECT 1")
    for command in ("plan", "status", "log"):
        assert run_command(old, project.root, command).returncode == 0
    assert version(old) == 1


def test_a_run_upgrades_an_old_ledger_and_says_so(old: Database, project: Project) -> None:
    """In one transaction, with a row in the log."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    assert attempt(old, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert version(old) == NEWEST
    assert old.log[0] == ("LedgerUpgraded", None)
    assert old.versions == ["1"]


def test_with_nothing_to_do_it_is_upgraded_too(old: Database, project: Project) -> None:
    """So that the next run finds it ready, and takes no lock."""
    project.migration("1", "SELECT 1")
    attempt(old, make_spec(project))
    old.query("ALTER TABLE meshmigrate.meta DROP COLUMN write_back")
    old.query("DROP TABLE meshmigrate.verified; UPDATE meshmigrate.meta SET ledger_version = 1")
    assert attempt(old, make_spec(project)).outcome is Outcome.UP_TO_DATE
    assert version(old) == NEWEST


def test_runners_that_find_it_old_at_once_upgrade_it_once(
    old: Database, project: Project, tmp_path: Path
) -> None:
    """Both have looked before either has the lock."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    with old.connect() as other, ExitStack() as running:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK_KEY,))
        both = [running.enter_context(Runner(tmp_path, old, make_spec(project))) for _ in range(2)]
        eventually(
            lambda: all("the migration lock is held by" in each.output for each in both),
            "both wait for the lock",
        )
        other.execute("SELECT pg_advisory_unlock(%s)", (LOCK_KEY,))
        codes = [each.wait() for each in both]
        outcomes = {each.result.outcome for each in both}
    assert codes == [0, 0]
    assert outcomes == {Outcome.SUCCEEDED, Outcome.UP_TO_DATE}
    assert old.log.count(("LedgerUpgraded", None)) == 1
    assert old.versions == ["1"]


def test_the_older_release_refuses_what_a_newer_one_has_upgraded(
    old: Database, project: Project, older_release: str
) -> None:
    """LedgerTooNew, and it writes nothing; before, it works."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    assert (
        run_command(old, project.root, "apply", "--json", PYTHONPATH=older_release).returncode == 0
    )
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    assert attempt(old, make_spec(project)).outcome is Outcome.SUCCEEDED
    before = old.log
    project.migration("3", "CREATE TABLE c (x int)", "DROP TABLE c")
    refused = run_command(old, project.root, "apply", "--json", PYTHONPATH=older_release)
    assert refused.returncode == Outcome.REFUSED.exit_code
    assert "LedgerTooNew" in refused.stdout + refused.stderr
    assert old.log == before
    assert old.versions == ["1", "2"]
