"""Data that a rollback does not bring back is named, although the schema is proven."""

import json

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import ALLOW, ALLOWED, Database, Project, attempt, make_spec
from tests.postgres.processes import run_command

TABLES = "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ann')"
FAILS = "SELECT 1/0"


def apply(database: Database, project: Project) -> Result:
    """Apply what is pending, file by file."""
    policy = Policy(transaction_mode="PerFile", hazards=ALLOWED)
    return attempt(database, make_spec(project, policy=policy)).result


def lost(result: Result) -> tuple[str, ...]:
    """Give what the result names."""
    assert result.failure is not None
    return result.failure.data_not_restored


def test_what_the_versions_taken_back_have_discarded_is_listed(
    database: Database, project: Project
) -> None:
    """By version; the schema is as it was, and the reason says that this is not all."""
    database.query(TABLES)
    project.migration(
        "1",
        "ALTER TABLE users ADD email text; UPDATE users SET email = 'x', name = 'bob'",
        "ALTER TABLE users DROP email",
    )
    project.migration(
        "2", "ALTER TABLE users DROP name; DELETE FROM users", "ALTER TABLE users ADD name text"
    )
    project.migration("3", f"TRUNCATE users; {FAILS}")
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.DATA_NOT_RESTORED)
    assert lost(done) == (
        "version 1: values of users.name, overwritten",
        "version 2: column users.name, dropped",
        "version 2: rows of users, deleted",
    )
    assert "the schema is as it was before the run, but not the data: version 1: " in done.message
    assert "division by zero" in done.message
    assert database.query("SELECT * FROM users") == []


def test_data_that_the_run_itself_made_is_not_missed(database: Database, project: Project) -> None:
    """Nor what the file that failed did in its own transaction."""
    database.query(TABLES)
    project.migration(
        "1", "CREATE TABLE a (x int); INSERT INTO a VALUES (1); DELETE FROM a", "DROP TABLE a"
    )
    project.migration("2", "ALTER TABLE a ADD y int; UPDATE a SET y = 1", "SELECT 1")
    project.migration("3", "DELETE FROM users; SELECT 1/0")
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.STATEMENT_FAILED)
    assert lost(done) == ()
    assert database.scalar("SELECT count(*) FROM users") == 1


def test_of_a_file_in_steps_only_what_it_reached_counts(
    database: Database, project: Project
) -> None:
    """The steps that were done, not the one that failed nor those after it."""
    database.query(TABLES)
    project.migration(
        "1",
        "UPDATE users SET name = 'bob'; CREATE INDEX CONCURRENTLY i ON users (name);"
        "DELETE FROM users; SELECT 1/0; VACUUM users; DROP TABLE users",
        "DROP INDEX CONCURRENTLY IF EXISTS i",
    )
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.DATA_NOT_RESTORED)
    assert lost(done) == ("version 1: values of users.name, overwritten",)


def test_what_is_lost_is_stored_with_the_run_and_fits_its_result(
    database: Database, project: Project
) -> None:
    """However much it is; the message names the first, and how many more."""
    names = [f"a_table_with_a_rather_long_name_{number}" for number in range(100)]
    database.query("; ".join(f"CREATE TABLE {name} (x int)" for name in names))
    up = "; ".join(f"DROP TABLE {name}" for name in names)
    down = "; ".join(f"CREATE TABLE {name} (x int)" for name in names)
    project.migration("1", ALLOW + up, down).migration("2", FAILS)
    shown = run_command(database, project.root, "apply", "--transaction-mode=PerFile", "--json")
    assert shown.returncode == 20
    result = json.loads(shown.stdout)
    assert "; and 97 more" in result["message"]
    assert 10 < len(result["failure"]["dataNotRestored"]) < 100
    stored = database.scalar("SELECT failure::text FROM meshmigrate.run")
    assert len(json.loads(stored)["detail"]["dataNotRestored"]) == 100
    assert "failure" in json.loads(str(database.scalar("SELECT result::text FROM meshmigrate.run")))


def test_in_a_batch_nothing_is_lost(database: Database, project: Project) -> None:
    """Which is why Auto takes one here."""
    database.query(TABLES)
    before = database.dump()
    project.migration("1", f"{ALLOW}DROP TABLE users", "CREATE TABLE users ()")
    project.migration("2", FAILS)
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.transaction_mode) == (Outcome.FAILED, "Batch")
    assert database.dump() == before
