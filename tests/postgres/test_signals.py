"""SIGTERM: what runs is cancelled and rolled back, recorded, and can be continued."""

from collections.abc import Callable

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.lock import LOCK_KEY
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner

pytestmark = pytest.mark.one_version  # the process is what counts here

StartRunner = Callable[[RunSpec], Runner]

SLOW = "INSERT INTO a SELECT 1 FROM pg_sleep(60)"


AT_SPEED = "INSERT INTO a SELECT 1 FROM pg_sleep((SELECT seconds FROM speed))"


def make_speed(database: Database, seconds: int) -> None:
    """Say how long the next statement sleeps."""
    database.query("CREATE TABLE IF NOT EXISTS speed (seconds float)")
    database.query("DELETE FROM speed")
    database.query("INSERT INTO speed VALUES (%s)", seconds)


def is_asleep(database: Database) -> bool:
    """Whether a statement sleeps."""
    return bool(database.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))


def test_a_long_statement_is_cancelled_and_the_run_can_be_continued(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Exit 30 long before the statement would have ended, with the file rolled back."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a").migration("2", SLOW)
    spec = make_spec(project)
    runner = start_runner(spec)
    eventually(lambda: is_asleep(database), "is in the long statement")
    runner.terminate()
    assert runner.wait() == 30
    result = runner.result
    assert result.reason == Reason.TERMINATED
    assert (result.current_version, result.pending_count, result.applied.last) == ("1", 1, "1")
    assert database.versions == ["1"]
    assert database.log[-1][0] == "Interrupted"
    assert database.lock_holders() == []


def test_a_stop_while_waiting_for_the_lock_is_heeded(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Nothing has begun, so nothing is recorded."""
    project.migration("1", "SELECT 1")
    with database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        runner = start_runner(make_spec(project))
        eventually(lambda: "waiting-for-lock" in runner.output, "waits for the lock")
        runner.terminate()
        assert runner.wait() == 30
    assert not database.has_ledger


def test_a_stop_in_the_middle_of_going_back_is_finished_by_the_next_attempt(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """The run stays on its way back, and arrives."""
    make_speed(database, 60)
    project.migration("1", "CREATE TABLE a (x int)", f"{AT_SPEED}; DROP TABLE a")
    project.migration("2", "SELECT 1/0")
    spec = make_spec(project)
    runner = start_runner(spec)
    eventually(lambda: is_asleep(database), "is in the rollback script")
    runner.terminate()
    assert runner.wait() == 30
    assert database.versions == ["1"]
    make_speed(database, 0)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.ROLLED_BACK
    assert database.versions == []


def test_ctrl_c_is_the_same(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """SIGINT, as a person at a terminal sends it."""
    project.migration("1", "CREATE TABLE a (x int)").migration("2", SLOW)
    runner = start_runner(make_spec(project))
    eventually(lambda: is_asleep(database), "is in the long statement")
    runner.process.send_signal(2)
    assert runner.wait() == 30


def test_the_interrupted_run_is_continued_to_its_end(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """The next attempt of the same run applies what is left."""
    make_speed(database, 60)
    project.migration("1", "CREATE TABLE a (x int)").migration("2", AT_SPEED)
    spec = make_spec(project)
    runner = start_runner(spec)
    eventually(lambda: is_asleep(database), "is in the long statement")
    runner.terminate()
    assert runner.wait() == 30
    make_speed(database, 0)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]
