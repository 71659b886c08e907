"""Directives take effect: a time of its own, and a way back that nobody starts by himself."""

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.rollback import roll_back
from tests.postgres.harness import Database, Project, attempt, make_spec

IRREVERSIBLE = "-- meshmigrate: irreversible the numbers are gone\nDROP TABLE a"


def test_a_file_s_own_timeout_counts_and_not_the_policy_s(
    database: Database, project: Project
) -> None:
    """Shorter or longer, for its own statements only."""
    policy = Policy(statement_timeout_seconds=0.3)
    project.migration("1", "-- meshmigrate: timeout 1h\nSELECT pg_sleep(0.5)")
    project.write(
        "checks/1_c.sql", "-- meshmigrate: timeout 1min\nSELECT pg_sleep(0.5) IS NOT NULL"
    )
    assert attempt(database, make_spec(project, policy=policy)).outcome is Outcome.SUCCEEDED
    project.migration("2", "-- meshmigrate: timeout 200ms\nSELECT pg_sleep(60)")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.STATEMENT_TIMEOUT)
    assert "0.2 s" in done.message
    project.migration("2", "SELECT pg_sleep(60)")
    done = attempt(database, make_spec(project, policy=policy)).result
    assert done.reason == Reason.STATEMENT_TIMEOUT
    assert "0.3 s" in done.message


def test_a_file_s_timeout_counts_outside_of_transactions_too(
    database: Database, project: Project
) -> None:
    """The statement is cancelled, and what it left half done is dropped."""
    database.query(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1);"
        "CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql "
        "AS 'BEGIN PERFORM pg_sleep(60); RETURN $1; END'"
    )
    project.migration(
        "1", "-- meshmigrate: timeout 300ms\nCREATE INDEX CONCURRENTLY i ON t (slow(a))"
    )
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.STATEMENT_TIMEOUT)
    assert "0.3 s" in done.message
    assert database.scalar("SELECT to_regclass('i') IS NULL")


def test_an_irreversible_version_halts_the_run_before_anything_is_taken_back(
    database: Database, project: Project
) -> None:
    """The reason of the author is in the message, and no rollback script has run."""
    project.migration("1", "CREATE TABLE a ()", IRREVERSIBLE)
    project.migration("2", "CREATE TABLE b ()", "DROP TABLE b")
    project.migration("3", "SELECT 1/0")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.IRREVERSIBLE)
    assert "as version 1 is irreversible: the numbers are gone: 1, 2" in done.message
    assert database.versions == ["1", "2"]
    assert not [event for event, _ in database.log if "RolledBack" in event]


def test_an_irreversible_version_that_the_run_did_not_apply_is_in_nobody_s_way(
    database: Database, project: Project
) -> None:
    """Only what the run itself applied is taken back."""
    project.migration("1", "CREATE TABLE a ()", IRREVERSIBLE)
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    project.migration("2", "CREATE TABLE b ()", "DROP TABLE b")
    project.migration("3", "SELECT 1/0", "-- meshmigrate: irreversible never applied")
    assert attempt(database, make_spec(project)).outcome is Outcome.ROLLED_BACK
    assert database.versions == ["1"]


def test_an_irreversible_file_that_fails_after_some_of_its_steps_halts(
    database: Database, project: Project
) -> None:
    """Its first steps stand."""
    project.migration("1", "CREATE TABLE a (x int);\nVACUUM a;\nSELECT 1/0", IRREVERSIBLE)
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.IRREVERSIBLE)
    assert "version 1 is irreversible: the numbers are gone" in done.message


def test_a_bad_directive_is_refused_before_anything_is_done(
    database: Database, project: Project
) -> None:
    """Even in a rollback script of a later version."""
    project.migration("1", "CREATE TABLE a ()")
    project.migration("2", "CREATE TABLE b ()", "-- meshmigrate: irreversible\nDROP TABLE b")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.INVALID_DIRECTIVE)
    assert not database.has_ledger


def test_going_back_on_purpose_past_an_irreversible_version_is_refused(
    database: Database, project: Project
) -> None:
    """Nothing is taken back, not even the versions above it."""
    project.migration("1", "CREATE TABLE a ()", IRREVERSIBLE)
    project.migration("2", "CREATE TABLE b ()", "DROP TABLE b")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    done = attempt(database, make_spec(project, target="0"), start=roll_back).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.IRREVERSIBLE)
    assert "version 1 is irreversible: the numbers are gone" in done.message
    assert database.versions == ["1", "2"]
    done = attempt(database, make_spec(project, target="1"), start=roll_back).result
    assert done.outcome is Outcome.SUCCEEDED, done.message
