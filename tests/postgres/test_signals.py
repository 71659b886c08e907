"""SIGTERM: what runs is cancelled and rolled back, recorded, and can be continued."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.lock import LOCK_KEY
from tests.postgres.commands import is_blocked
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


def at_speed(database: Database, project: Project) -> RunSpec:
    """Write two versions, of which the second one sleeps as long as it is told."""
    make_speed(database, 60)
    project.migration("1", "CREATE TABLE a (x int)").migration("2", AT_SPEED)
    return make_spec(project)


def assert_continued(database: Database, project: Project, spec: RunSpec) -> None:
    """Expect that the next attempt of the same run applies what is left."""
    make_speed(database, 0)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]


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
    runner.terminate(signal.SIGINT)
    assert runner.wait() == 30


def test_the_interrupted_run_is_continued_to_its_end(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """The next attempt of the same run applies what is left."""
    spec = at_speed(database, project)
    runner = start_runner(spec)
    eventually(lambda: is_asleep(database), "is in the long statement")
    runner.terminate()
    assert runner.wait() == 30
    assert_continued(database, project, spec)


def test_a_server_that_does_not_answer_is_left(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """One SIGTERM, and a result that says so, though the server cannot be heard."""
    spec = at_speed(database, project)
    runner = start_runner(spec)
    eventually(lambda: is_asleep(database), "is in the long statement")
    ((pid,),) = database.query("SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    os.kill(pid, signal.SIGSTOP)
    try:
        runner.terminate()
        assert runner.wait() == 30
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (runner.result.outcome, runner.result.reason) == (
        Outcome.INTERRUPTED,
        Reason.TERMINATED,
    )
    assert runner.result.message == "left after waiting for the server in vain"
    assert_continued(database, project, spec)


@pytest.mark.parametrize("name", ["1_rows", "always_rows"])
def test_a_check_is_cancelled_with_its_file(
    database: Database, project: Project, start_runner: StartRunner, name: str
) -> None:
    """They are one transaction: neither has been, and both come again."""
    make_speed(database, 60)
    project.migration("1", "CREATE TABLE a (x int)")
    check = "SELECT pg_sleep(seconds) IS NOT NULL FROM speed"
    project.write(f"checks/{name}.sql", check)
    spec = make_spec(project)
    runner = start_runner(spec)
    eventually(lambda: is_asleep(database), "is in the check")
    runner.terminate()
    assert runner.wait() == 30
    assert runner.result.reason == Reason.TERMINATED
    assert (database.versions, database.log[-1][0]) == ([], "Interrupted")
    make_speed(database, 0)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.SUCCEEDED


def test_a_fingerprint_is_cancelled(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Before the first statement: nothing is applied."""
    project.migration("1", "CREATE TABLE a (x int)")
    spec = make_spec(project)
    with database.connect(superuser=True) as other:
        other.execute("BEGIN; LOCK TABLE pg_catalog.pg_foreign_server IN ACCESS EXCLUSIVE MODE")
        runner = start_runner(spec)
        eventually(lambda: is_blocked(database), "reads the catalog")
        runner.terminate()
        assert runner.wait() == 30
        assert runner.result.reason == Reason.TERMINATED
    assert database.versions == []
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.SUCCEEDED


def test_waiting_for_credentials_ends_at_once(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """They have worked in an earlier attempt, so they are read again; not any longer now."""
    project.migration("1", "SELECT 1")
    url = database.url_with("wrong")
    with Runner(tmp_path, database, make_spec(project, attempt=2), url=url) as runner:
        eventually(lambda: "waiting-for-credentials" in runner.output, "waits")
        runner.terminate()
        assert runner.wait() == 30
        assert runner.result.reason == Reason.TERMINATED
    assert not database.has_ledger
