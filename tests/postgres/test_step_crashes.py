"""Crashes around statements outside transactions: the look-up decides, nothing is done twice."""

from collections.abc import Callable

import psycopg
import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.test_steps import INDEX, TABLE, apply, indexes, journal

pytestmark = pytest.mark.every_version

StartRunner = Callable[[RunSpec], Runner]

MARKED = "CREATE TABLE marks (x int);\nINSERT INTO marks VALUES (1);\n"
"""A step that cannot be done twice."""
MARK = "INSERT INTO marks VALUES (2);\n"


def writer(database: Database) -> psycopg.Connection[tuple[object, ...]]:
    """Open a transaction that every statement with CONCURRENTLY on the table waits for."""
    connection = database.connect()
    connection.execute("BEGIN; INSERT INTO t VALUES (1)")
    return connection


def is_waiting(database: Database, word: str) -> bool:
    """Whether a runner's statement with this word waits for other transactions."""
    return bool(
        database.query(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'meshmigrate:%%' "
            "AND wait_event_type = 'Lock' AND query ILIKE %s",
            f"%{word}%",
        )
    )


def is_gone(database: Database) -> bool:
    """Whether the runner's session has ended."""
    return not database.query(
        "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'meshmigrate:%'"
    )


def kill_while_waiting(database: Database, runner: Runner, word: str) -> None:
    """Kill a runner in a statement that waits, and see its session end."""
    eventually(lambda: is_waiting(database, word), f"waits; runner said: {runner.output}")
    runner.kill()
    eventually(lambda: is_gone(database), "the server ends the session")


def next_attempt(database: Database, spec: RunSpec, project: Project) -> Outcome:
    """Run the same run's next attempt."""
    return attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).outcome


def test_killed_while_an_index_is_built(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Faults 4, 6 and 8: the INVALID index is built anew; the steps before it are not repeated."""
    database.query(TABLE)
    project.migration("1", MARKED + INDEX + MARK)
    spec = make_spec(project)
    with writer(database):
        kill_while_waiting(database, start_runner(spec), "CONCURRENTLY")
    assert indexes(database) == {"i": False}
    assert journal(database)[-1] == ("1", "up", 3, "running", "public.i")
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert indexes(database) == {"i": True}
    assert database.query("SELECT x FROM marks ORDER BY x") == [(1,), (2,)]


def kill_after_the_build(database: Database, runner: Runner) -> None:
    """Kill a runner whose index is built, before the journal says so.

    While the build waits, the lease is locked: the transaction that would say so cannot begin.
    """
    with database.connect() as fence:
        with writer(database) as blocker:
            eventually(lambda: is_waiting(database, "CONCURRENTLY"), f"waits; {runner.output}")
            fence.execute("BEGIN")
            fence.execute("LOCK TABLE meshmigrate.lease IN ACCESS EXCLUSIVE MODE")
            # Its snapshot would be waited for: READ COMMITTED keeps none between statements.
            blocker.rollback()
        eventually(lambda: is_waiting(database, "lease"), f"is behind the build; {runner.output}")
        runner.kill()
        eventually(lambda: is_gone(database), "the server ends the session")
        fence.rollback()


def test_killed_after_the_build_before_the_journal_says_so(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Faults 4 and 7: the valid index is recognised as done and not built again."""
    database.query(TABLE)
    project.migration("1", MARKED + INDEX)
    spec = make_spec(project)
    kill_after_the_build(database, start_runner(spec))
    assert journal(database)[-1] == ("1", "up", 3, "running", "public.i")
    built = database.scalar("SELECT 'i'::regclass::oid")
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert indexes(database) == {"i": True}
    assert database.scalar("SELECT 'i'::regclass::oid") == built
    assert database.versions == ["1"]


@pytest.mark.parametrize("killed", ["during", "after"])
def test_another_run_settles_the_open_step_before_it_closes_the_run(
    database: Database, project: Project, start_runner: StartRunner, killed: str
) -> None:
    """The run that follows goes on where the other one was."""
    database.query(TABLE)
    project.migration("1", MARKED + INDEX)
    runner = start_runner(make_spec(project))
    if killed == "during":
        with writer(database):
            kill_while_waiting(database, runner, "CONCURRENTLY")
    else:
        kill_after_the_build(database, runner)
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert indexes(database) == {"i": True}
    assert database.query("SELECT x FROM marks") == [(1,)]
    assert {row[3] for row in journal(database)} == {"done"}


def test_a_session_that_is_terminated_while_it_builds(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Fault 9 in CREATE INDEX CONCURRENTLY: the next connection drops the rest and builds again."""
    database.query(TABLE)
    project.migration("1", INDEX)
    with writer(database) as blocker:
        runner = start_runner(make_spec(project))
        eventually(lambda: is_waiting(database, "CREATE INDEX"), "waits")
        database.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'meshmigrate:%'"
        )
        eventually(lambda: is_waiting(database, "DROP INDEX"), "repairs")
        blocker.rollback()
        assert runner.wait() == 0
    assert runner.result.attempt == 1
    assert indexes(database) == {"i": True}


def test_a_stop_while_it_builds(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """SIGTERM: cancelled, Interrupted, and the next attempt repairs it."""
    database.query(TABLE)
    project.migration("1", INDEX)
    spec = make_spec(project)
    with writer(database):
        runner = start_runner(spec)
        eventually(lambda: is_waiting(database, "CONCURRENTLY"), "waits")
        assert database.lock_holders(), "the migration lock stays held while it builds"
        runner.terminate()
        assert runner.wait() == Outcome.INTERRUPTED.exit_code
    assert runner.result.reason == Reason.TERMINATED
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert indexes(database) == {"i": True}


@pytest.mark.parametrize("scope", ["INDEX CONCURRENTLY j", "TABLE CONCURRENTLY t"])
@pytest.mark.parametrize("copy", ["j_ccnew", "j_ccold"])
def test_killed_while_it_reindexes(
    database: Database, project: Project, start_runner: StartRunner, scope: str, copy: str
) -> None:
    """The copy beside the index, the new or the old one, is dropped, and the work done again."""
    # A writer keeps the build waiting, a reader only what comes after the swap.
    in_the_way = "INSERT INTO t VALUES (1)" if copy == "j_ccnew" else "SELECT * FROM t"
    database.query(TABLE + "CREATE INDEX j ON t (b)")
    project.migration("1", f"REINDEX {scope}")
    spec = make_spec(project)
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(in_the_way.encode())
        kill_while_waiting(database, start_runner(spec), "CONCURRENTLY")
    assert indexes(database) == {"j": True, copy: False}
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert indexes(database) == {"j": True}


def test_killed_while_it_drops_an_index(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """An index that is half dropped is dropped."""
    database.query(TABLE + "CREATE INDEX i ON t (a)")
    project.migration("1", "DROP INDEX CONCURRENTLY i;\n" + MARKED)
    spec = make_spec(project)
    with writer(database):
        kill_while_waiting(database, start_runner(spec), "CONCURRENTLY")
    assert indexes(database) == {"i": False}
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert indexes(database) == {}


def test_killed_while_it_detaches_a_partition(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """A partition that is half detached is finalized."""
    database.query("CREATE TABLE p (x int) PARTITION BY LIST (x)")
    database.query("CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)")
    project.migration("1", "ALTER TABLE p DETACH PARTITION p1 CONCURRENTLY;\n" + MARKED)
    spec = make_spec(project)
    with database.connect() as reader:
        reader.execute("BEGIN; SELECT * FROM p")
        kill_while_waiting(database, start_runner(spec), "CONCURRENTLY")
    assert database.scalar("SELECT inhdetachpending FROM pg_inherits")
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert not database.scalar("SELECT relispartition FROM pg_class WHERE relname = 'p1'")


@pytest.mark.parametrize("failing", ["1", "2"])
def test_killed_on_the_way_back(
    database: Database, project: Project, start_runner: StartRunner, failing: str
) -> None:
    """A rollback script in steps, of a file that is applied or half done, is finished."""
    database.query(TABLE)
    texts = {"1": INDEX + MARKED + "VACUUM t;\n", "2": "SELECT 2;\n"}
    downs = {"1": "DROP TABLE marks;\nDROP INDEX CONCURRENTLY i", "2": "SELECT 1"}
    for version, text in texts.items():
        fails = "SELECT pg_sleep(1);\nSELECT 1/0" if version == failing else ""
        project.migration(version, text + fails, downs[version])
    runner = start_runner(make_spec(project))
    asleep = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    eventually(lambda: database.query(asleep), "is about to fail")
    with writer(database):
        kill_while_waiting(database, runner, "DROP INDEX")
    project.migration(failing, texts[failing], downs[failing])
    assert apply(database, project).outcome is Outcome.SUCCEEDED
    outcomes = database.query("SELECT outcome FROM meshmigrate.run ORDER BY started_at")
    assert outcomes == [("RolledBack",), ("Succeeded",)]
