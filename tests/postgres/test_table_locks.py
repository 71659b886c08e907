"""Table locks: a migration that has to wait does not make the application wait."""

from collections.abc import Callable

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import LockPolicy, Policy, RunSpec
from meshmigrate.engine.events import Event, EventName
from tests.postgres.harness import Database, Project, attempt, eventually, leap_at, make_spec
from tests.postgres.processes import Runner

pytestmark = pytest.mark.every_version


def busy_table(database: Database, project: Project) -> None:
    """Make a table, and a migration that needs it for itself."""
    database.query("CREATE TABLE users (id int)")
    project.migration("1", "ALTER TABLE users ADD COLUMN email text")


def test_a_long_reader_is_waited_out_by_short_tries(database: Database, project: Project) -> None:
    """Fault 16: what a body needs is unknown; between two tries nobody waits for anything."""
    busy_table(database, project)
    project.migration("1", "DO $$ BEGIN ALTER TABLE users ADD COLUMN email text; END $$")
    blocked: list[int] = []
    with database.connect() as reader, database.connect() as application:
        reader.execute("BEGIN; SELECT * FROM users")
        pid = reader.info.backend_pid

        def end_reader_at_the_third_try(event: Event) -> None:
            if event.name is EventName.TABLE_LOCK_RETRY:
                waiting = application.execute(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"
                ).fetchone()
                blocked.append(waiting[0] if waiting else -1)
                application.execute("SELECT * FROM users")
                if len(blocked) == 3:
                    reader.execute("ROLLBACK")

        ended = attempt(database, make_spec(project), during=end_reader_at_the_third_try)
    assert ended.outcome is Outcome.SUCCEEDED
    assert blocked == [0, 0, 0]
    assert f"process {pid} " in ended.messages(EventName.TABLE_LOCK_RETRY)[0]


def test_a_reader_that_never_ends_is_a_lock_timeout_worth_another_attempt(
    database: Database, project: Project
) -> None:
    """Nothing was applied: exit 31, naming the place and the session in the way."""
    busy_table(database, project)
    policy = Policy(lock=LockPolicy(table_lock_deadline_seconds=0.5))
    spec = make_spec(project, policy=policy)
    with database.connect() as reader:
        reader.execute("BEGIN; SELECT * FROM users")
        done = attempt(database, spec).result
        assert f"process {reader.info.backend_pid} " in done.message
    assert (done.outcome, done.reason) == (Outcome.LOCK_TIMEOUT, Reason.TABLE_LOCK_TIMEOUT)
    assert done.failure is not None
    assert done.failure.file == "migrations/1_m.sql"
    again = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert again.outcome is Outcome.SUCCEEDED


def test_a_table_lock_timeout_after_an_applied_file_goes_back(
    database: Database, project: Project
) -> None:
    """Half a run is not left standing: onFailure applies, with TableLockTimeout as reason."""
    database.query("CREATE TABLE users (id int)")
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "ALTER TABLE users ADD COLUMN email text")
    policy = Policy(lock=LockPolicy(table_lock_deadline_seconds=0.5))
    with database.connect() as reader:
        reader.execute("BEGIN; SELECT * FROM users")
        done = attempt(database, make_spec(project, policy=policy)).result
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.TABLE_LOCK_TIMEOUT)
    assert database.versions == []


def test_a_script_that_switches_the_lock_timeout_off_still_has_one(
    database: Database, project: Project
) -> None:
    """As every dump does in its first lines."""
    busy_table(database, project)
    project.migration("1", "SET lock_timeout = 0; ALTER TABLE users ADD COLUMN email text")
    policy = Policy(lock=LockPolicy(table_lock_deadline_seconds=0.5))
    with database.connect() as reader:
        reader.execute("BEGIN; SELECT * FROM users")
        assert attempt(database, make_spec(project, policy=policy)).outcome is Outcome.LOCK_TIMEOUT


def test_a_statement_that_takes_too_long_fails_and_is_not_retried(
    database: Database, project: Project
) -> None:
    """Fault 18: statementTimeout names the statement and the time it had."""
    project.migration("1", "SELECT 1;\nSELECT pg_sleep(60)")
    policy = Policy(statement_timeout_seconds=0.2)
    done = attempt(database, make_spec(project, policy=policy)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.STATEMENT_TIMEOUT)
    assert done.failure is not None
    assert done.failure.line == 2
    assert "0.2 s" in done.failure.message


def test_the_deadline_of_the_run_ends_a_statement_and_goes_back(
    database: Database, project: Project
) -> None:
    """DeadlineExceeded is a failure like another: what was applied is rolled back."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "SELECT pg_sleep(60)")
    spec = make_spec(project, policy=Policy(deadline_seconds=3600))
    done = attempt(database, spec, leap=leap_at(EventName.APPLYING, 3599.5, "2")).result
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.DEADLINE_EXCEEDED)


@pytest.mark.parametrize("victim_of", ["deadlock_detected", "serialization_failure"])
def test_a_victim_of_others_is_tried_again(
    database: Database, project: Project, victim_of: str
) -> None:
    """Faults 17 and 19: the server chose the migration: the transaction starts over."""
    database.query("CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE SEQUENCE tries")
    project.migration(
        "1",
        f"""
        DO $$ BEGIN
            IF nextval('tries') < 3 THEN
                RAISE EXCEPTION 'as if' USING ERRCODE = '{victim_of}';
            END IF;
        END $$;
        """,
    )
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.scalar("SELECT last_value FROM tries") == 3


def test_a_real_deadlock_is_tried_again(
    database: Database, project: Project, start_runner: Callable[[RunSpec], Runner]
) -> None:
    """Fault 17: the migration is the victim, as the application detects none; both get through."""
    database.query("CREATE TABLE a (x int); CREATE TABLE b (x int)")
    database.query("INSERT INTO a VALUES (0); INSERT INTO b VALUES (0)")
    project.migration("1", "UPDATE a SET x = x + 1; UPDATE b SET x = x + 1")
    with database.connect(superuser=True) as application:
        application.execute("SET deadlock_timeout = '10min'")
        application.execute("BEGIN; UPDATE b SET x = x + 10")
        runner = start_runner(make_spec(project))
        eventually(database.waits_for_row, "waits for b")
        application.execute("UPDATE a SET x = x + 10; COMMIT")
    assert runner.wait() == 0
    assert "table-lock-retry" in runner.output
    assert database.query("SELECT a.x, b.x FROM a, b") == [(11, 11)]


def test_a_shortage_that_stays_is_reported_as_what_it_is(
    database: Database, project: Project
) -> None:
    """A limit of the server is tried again in case it passes, and then named with its code."""
    project.migration("1", "DO $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53400'; END $$")
    policy = Policy(lock=LockPolicy(table_lock_deadline_seconds=0.3))
    done = attempt(database, make_spec(project, policy=policy)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.STATEMENT_FAILED)
    assert done.failure is not None
    assert done.failure.sqlstate == "53400"


def test_a_full_disk_fails_at_once(database: Database, project: Project) -> None:
    """Trying again would fill it again: DiskFull, rolled back."""
    project.migration("1", "DO $$ BEGIN RAISE EXCEPTION 'disk' USING ERRCODE = 'disk_full'; END $$")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.DISK_FULL)


def test_a_cancelled_statement_fails_and_says_that_somebody_did_it(
    database: Database, project: Project
) -> None:
    """pg_cancel_backend by an administrator is neither a timeout nor our own stop."""
    project.migration("1", "SELECT pg_cancel_backend(pg_backend_pid()); SELECT pg_sleep(1)")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.CANCELLED)
