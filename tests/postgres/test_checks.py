"""Checks: what must be true after a version, and at the end of a run."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from tests.postgres.harness import Database, Project, attempt, make_spec

EVERY_TABLE_HAS_RLS = """
SELECT coalesce(bool_and(relrowsecurity), true) FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
"""


def test_a_false_check_fails_its_version_in_its_own_transaction(
    database: Database, project: Project
) -> None:
    """The version it belongs to leaves nothing behind."""
    project.migration("1", "CREATE TABLE a (x int)")
    project.write("checks/1_rows.sql", "SELECT true;\nSELECT count(*) > 0 FROM a;")
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.FAILED
    assert done.reason == Reason.CHECK_FAILED
    assert done.failure is not None
    assert (done.failure.file, done.failure.line) == ("checks/1_rows.sql", 2)
    assert database.scalar("SELECT to_regclass('a') IS NULL")


@pytest.mark.parametrize("text", ["SELECT 1", "SELECT NULL", "SELECT WHERE false", "VALUES (1)"])
def test_only_one_row_that_is_true_passes(database: Database, project: Project, text: str) -> None:
    """A number, NULL, no row and no SELECT at all do not."""
    project.migration("1", "SELECT 1").write("checks/1_c.sql", text)
    done = attempt(database, make_spec(project)).result
    assert not done.outcome.succeeded
    assert done.reason in {Reason.CHECK_FAILED, Reason.INVALID_CHECK}
    assert database.scalar("SELECT true")


def test_two_true_rows_do_not_pass(database: Database, project: Project) -> None:
    """A check that gives more than one row has forgotten to aggregate."""
    project.migration("1", "SELECT 1")
    project.write("checks/1_c.sql", "SELECT true FROM generate_series(1, 2)")
    assert attempt(database, make_spec(project)).result.reason == Reason.CHECK_FAILED


def test_a_final_check_undoes_the_last_file_and_then_the_run(
    database: Database, project: Project
) -> None:
    """It runs in the last file's transaction, so even without a rollback script that is gone."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "ALTER TABLE a ADD COLUMN y int")
    project.write("checks/always_rls.sql", EVERY_TABLE_HAS_RLS)
    before = database.dump()
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.reason == Reason.CHECK_FAILED
    assert database.dump() == before


def test_a_final_check_sees_the_state_after_the_last_file_only(
    database: Database, project: Project
) -> None:
    """What is missing after the first file may come with the second."""
    project.migration("1", "CREATE TABLE a (x int)")
    project.migration("2", "ALTER TABLE a ENABLE ROW LEVEL SECURITY")
    project.write("checks/always_rls.sql", EVERY_TABLE_HAS_RLS)
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def test_checks_run_with_the_role_s_own_search_path(database: Database, project: Project) -> None:
    """What the migration set for itself does not reach its check."""
    project.migration("1", "CREATE TABLE a (x int); SELECT set_config('search_path', '', false)")
    project.write("checks/1_c.sql", "SELECT count(*) = 0 FROM a")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def test_a_false_check_fails_with_its_own_message(database: Database, project: Project) -> None:
    """The comment above it and the first line of its query; what else is in its row stays there."""
    project.migration("1", "CREATE TABLE a (mail text); INSERT INTO a VALUES ('ann@example.org')")
    project.write(
        "checks/1_rows.sql",
        "-- Ownership\n\nSELECT true; -- this one holds\n\n"
        "-- every user has confirmed\n-- the address\n"
        "SELECT count(*) = 0, min(mail) FROM a\nWHERE mail <> 'nobody'",
    )
    done = attempt(database, make_spec(project))
    failure = done.result.failure
    assert failure is not None
    assert (failure.file, failure.line) == ("checks/1_rows.sql", 7)
    words = "every user has confirmed the address: SELECT count(*) = 0, min(mail) FROM a"
    assert failure.message == f"the check is not true: {words}"
    assert words in done.result.message
    ((logged,),) = database.query("SELECT message FROM meshmigrate.log WHERE event = 'Failed'")
    assert words in logged
    assert "checks/1_rows.sql:7" in logged
    everything = repr(database.query("SELECT message FROM meshmigrate.log")) + repr(done)
    assert "ann@" not in everything
