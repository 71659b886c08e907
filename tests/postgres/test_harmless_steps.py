"""Steps that change nothing need no way back, and none is in the way of the application."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import LockPolicy, Policy
from meshmigrate.engine.events import Event, EventName
from tests.postgres.databases import own_public
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.test_steps import TABLE, apply, journal

FAILS = ";\nSELECT 1/0;\n"


@pytest.mark.parametrize(
    "statement",
    [
        "VACUUM t",
        "VACUUM FULL t",
        "REINDEX TABLE CONCURRENTLY t",
        "REINDEX SCHEMA public",
        "SET work_mem = '1MB';\nANALYZE t;\nVACUUM t",
    ],
)
def test_a_failure_behind_it_needs_no_rollback_script(
    database: Database, project: Project, statement: str
) -> None:
    """Failed, not Halted: the database is as it was, and the file begins anew."""
    own_public(database)
    database.query(TABLE)
    project.migration("1", statement + FAILS)
    done = apply(database, project)
    assert done.outcome is Outcome.FAILED, done.message
    assert journal(database) == []
    project.migration("1", "SELECT 1;\n" + statement)
    assert apply(database, project).outcome is Outcome.SUCCEEDED


def test_it_does_not_keep_the_run_from_going_back(database: Database, project: Project) -> None:
    """Neither a step of this run nor one of an earlier run."""
    database.query(TABLE)
    project.migration("2", "VACUUM t" + FAILS)
    assert apply(database, project, Policy(on_failure="Halt")).outcome is Outcome.FAILED
    project.migration("1", "CREATE TABLE a ()", "DROP TABLE a")
    project.migration("2", "VACUUM t" + FAILS, "SELECT 1/0")
    done = apply(database, project)
    assert done.outcome is Outcome.ROLLED_BACK, done.message
    assert done.rolled_back.count == 1
    assert journal(database) == []


def test_a_step_that_changes_something_still_does(database: Database, project: Project) -> None:
    """Only it is named."""
    database.query(TABLE)
    project.migration("1", "VACUUM t;\nCREATE TABLE a ();\nREINDEX SCHEMA public" + FAILS)
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.NO_ROLLBACK_SCRIPT)
    assert done.message.endswith("of version 1 statement 2")


@pytest.mark.parametrize(
    "statement",
    [
        "VACUUM u;\nALTER TABLE t ADD COLUMN c int",
        "VACUUM FULL t",
        "-- meshmigrate: no-transaction\nREINDEX TABLE t",
        "-- meshmigrate: no-transaction\nCLUSTER t USING j",
    ],
)
def test_old_transactions_are_waited_for_before_it_while_nobody_waits_for_us(
    database: Database, project: Project, statement: str
) -> None:
    """A step that takes strong locks looks first, as a file in one transaction does."""
    database.query(TABLE + "CREATE INDEX j ON t (b); CREATE TABLE u ()")
    project.migration("1", statement)
    blocked: list[int] = []
    with database.connect() as writer, database.connect() as application:
        writer.execute("BEGIN; INSERT INTO t VALUES (1); SELECT pg_sleep(0.31)")

        def end_writer(event: Event) -> None:
            if event.name is EventName.WAITING_FOR_TABLES:
                application.execute("INSERT INTO t VALUES (2)")
                waiting = "SELECT pid FROM pg_stat_activity WHERE pg_blocking_pids(pid) <> '{}'"
                blocked.extend(row[0] for row in database.query(waiting))
                writer.execute("ROLLBACK")

        ended = attempt(database, make_spec(project), during=end_writer)
    assert ended.outcome is Outcome.SUCCEEDED, ended.result.message
    assert len(ended.messages(EventName.WAITING_FOR_TABLES)) == 1
    assert blocked == []


def test_a_table_that_is_never_free_ends_it_in_time(database: Database, project: Project) -> None:
    """Nothing was done: worth another attempt."""
    database.query(TABLE)
    project.migration("1", "VACUUM FULL t")
    policy = Policy(lock=LockPolicy(table_lock_deadline_seconds=0.5))
    with database.connect() as writer:
        writer.execute("BEGIN; INSERT INTO t VALUES (1)")
        done = apply(database, project, policy)
    assert (done.outcome, done.reason) == (Outcome.LOCK_TIMEOUT, Reason.TABLE_LOCK_TIMEOUT)
    assert journal(database) == []
