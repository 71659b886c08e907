"""A transaction per file, or one for all of them: what each mode leaves when a file fails."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Policy, TransactionMode
from meshmigrate.engine.events import EventName
from tests.postgres.harness import ALLOWED, Database, Project, attempt, make_spec

pytestmark = pytest.mark.every_version

CREATE = ("CREATE TABLE a (x int)", "DROP TABLE a")
INSERT = ("INSERT INTO kept VALUES (2)", None)
DELETE = ("DELETE FROM kept", "SELECT 1")
FAILS = ("CREATE TABLE c (x int);\nSELECT 1/0", None)
INDEX = ("CREATE INDEX CONCURRENTLY i ON kept (x)", "DROP INDEX CONCURRENTLY i")
VALUE = ("ALTER TYPE mood ADD VALUE 'glad'", "SELECT 1")
USE = ("INSERT INTO moods VALUES ('glad')", None)


def run(
    database: Database, project: Project, *texts: tuple[str, str | None], mode: TransactionMode
) -> Result:
    """Apply files with these texts, versions from 1."""
    for version, (up, down) in enumerate(texts, 1):
        project.migration(str(version), up, down)
    policy = Policy(transaction_mode=mode, hazards=ALLOWED)
    return attempt(database, make_spec(project, policy=policy)).result


def stored_mode(database: Database) -> str:
    """Give the mode of the one run, as the ledger has it."""
    return str(database.scalar("SELECT transaction_mode FROM meshmigrate.run"))


@pytest.fixture
def before(database: Database) -> str:
    """Give the database something to lose, and its dump."""
    database.query("CREATE TABLE kept (x int); INSERT INTO kept VALUES (1)")
    database.query("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (mood mood)")
    return database.dump()


def test_file_by_file_a_third_that_fails_is_followed_by_the_way_back(
    database: Database, project: Project, before: str
) -> None:
    """The first two are committed, and taken back by their scripts."""
    done = run(database, project, CREATE, ("SELECT 1", "SELECT 1"), FAILS, mode="PerFile")
    assert done.outcome is Outcome.ROLLED_BACK
    assert (done.applied.count, done.rolled_back.count) == (2, 2)
    assert database.dump() == before
    assert (done.transaction_mode, stored_mode(database)) == ("PerFile", "PerFile")


def test_in_a_batch_a_third_that_fails_takes_the_others_with_it(
    database: Database, project: Project, before: str
) -> None:
    """Nothing had been applied, and no script was needed: data is back, too."""
    done = run(database, project, DELETE, INSERT, FAILS, mode="Batch")
    assert done.outcome is Outcome.FAILED
    assert "nothing had been applied" in done.message
    assert done.failure is not None
    assert (done.failure.version, done.failure.file, done.failure.line) == (
        "3",
        "migrations/3_m.sql",
        2,
    )
    assert (done.applied.count, done.rolled_back.count) == (0, 0)
    assert database.dump() == before
    assert database.versions == []
    assert (done.transaction_mode, stored_mode(database)) == ("Batch", "Batch")
    assert [event for event, _ in database.log][-4:] == ["Started", "Hazard", "Failed", "Finished"]


def test_with_a_file_of_steps_in_the_middle_its_script_takes_it_back(
    database: Database, project: Project, before: str
) -> None:
    """Auto goes file by file, as no transaction holds it, and its script is there."""
    done = run(database, project, CREATE, INDEX, FAILS, mode="Auto")
    assert (done.outcome, done.transaction_mode) == (Outcome.ROLLED_BACK, "PerFile")
    assert database.dump() == before


@pytest.mark.parametrize(
    ("texts", "place"),
    [((CREATE, INDEX, FAILS), "migrations/2_m.sql"), ((VALUE, USE), "migrations/2_m.sql")],
)
def test_a_batch_that_is_impossible_is_refused_before_anything_runs(
    database: Database,
    project: Project,
    before: str,
    texts: tuple[tuple[str, str | None], ...],
    place: str,
) -> None:
    """With the file and the line that make it so."""
    done = run(database, project, *texts, mode="Batch")
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.BATCH_IMPOSSIBLE)
    assert done.failure is not None
    assert (done.failure.file, done.failure.line) == (place, 1)
    assert database.dump() == before
    assert not database.has_ledger


@pytest.mark.parametrize(
    ("texts", "mode", "ready"),
    [
        ([CREATE, INSERT], "PerFile", "ScriptUnverified"),
        ([INSERT], "PerFile", "Transactional"),
        ([INSERT, CREATE], "Batch", "Transactional"),
        ([DELETE, CREATE], "Batch", "Transactional"),
        ([VALUE, CREATE], "Batch", "Transactional"),
        ([VALUE, USE], "PerFile", "Irreversible"),
        ([CREATE, INDEX], "PerFile", "ScriptUnverified"),
        ([DELETE, INDEX], "PerFile", "DataLoss"),
        ([INSERT, INDEX], "PerFile", "NoScript"),
    ],
)
@pytest.mark.usefixtures("before")
def test_auto_chooses_what_can_be_taken_back(
    database: Database,
    project: Project,
    texts: list[tuple[str, str | None]],
    mode: str,
    ready: str,
) -> None:
    """The choice works on a server, and the run, the log and the result say which and why."""
    done = run(database, project, *texts, mode="Auto")
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert (done.transaction_mode, stored_mode(database)) == (mode, mode)
    assert done.rollback_ready is not None
    assert done.rollback_ready.reason == ready
    assert done.rollback_ready.ready == (ready in {"Transactional", "ScriptUnverified"})
    started = database.scalar("SELECT message FROM meshmigrate.log WHERE event = 'Started'")
    assert started.startswith(f"transaction mode {mode}: ")
    assert f"; rollback {ready}: " in started
    assert database.versions == [str(version) for version in range(1, len(texts) + 1)]


@pytest.mark.usefixtures("before")
def test_a_run_that_cannot_be_taken_back_is_announced_as_a_warning(
    database: Database, project: Project
) -> None:
    """Before its first statement."""
    project.migration("1", *INSERT).migration("2", *INDEX)
    events = attempt(database, make_spec(project)).events
    planned = next(event for event in events if event.name is EventName.PLANNED)
    assert planned.warning
    assert "version 1: it has no rollback script" in planned.message
    applying = next(event for event in events if event.name is EventName.APPLYING)
    assert events.index(planned) < events.index(applying)


def test_a_file_that_was_begun_in_steps_is_no_part_of_a_batch(
    database: Database, project: Project
) -> None:
    """Whatever it has become since: it goes on in steps."""
    database.query("CREATE TABLE t (x int)")
    project.migration("1", "CREATE INDEX CONCURRENTLY i ON t (x); SELECT 1/0")
    assert attempt(database, make_spec(project)).outcome is Outcome.HALTED
    project.migration("1", "CREATE INDEX CONCURRENTLY i ON t (x)").migration("2", "SELECT 2")
    policy = Policy(transaction_mode="Batch")
    refused = attempt(database, make_spec(project, policy=policy)).result
    assert (refused.outcome, refused.reason) == (Outcome.REFUSED, Reason.BATCH_IMPOSSIBLE)
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.transaction_mode) == (Outcome.SUCCEEDED, "PerFile")
