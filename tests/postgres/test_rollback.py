"""Going back: what a failing file makes of the run, and how it is proven."""

from uuid import uuid4

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.events import Event
from tests.postgres.harness import ALLOW, Database, Project, attempt, make_spec

BEFORE = """
CREATE TABLE users (id bigint PRIMARY KEY, name text NOT NULL);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON users USING (name = current_user);
INSERT INTO users VALUES (1, 'ann');
"""
PER_FILE = Policy(transaction_mode="PerFile")
FAILS = "ALTER TABLE users ADD COLUMN z int;\n\nSELECT 1 / 0"


def migrated(database: Database, project: Project) -> None:
    """Bring the database to version 1, by a run of its own."""
    project.migration("1", BEFORE, "DROP TABLE users")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def two_then_a_failure(project: Project) -> None:
    """Write two good versions with rollback scripts, and a third that fails."""
    project.migration(
        "2",
        "CREATE TABLE orders (id int REFERENCES users); CREATE INDEX ON orders (id);",
        "DROP TABLE orders",
    )
    project.migration(
        "3",
        "ALTER TABLE users ADD COLUMN email text DEFAULT 'x'",
        "ALTER TABLE users DROP COLUMN email",
    )
    project.migration("4", FAILS, "ALTER TABLE users DROP COLUMN z")


def test_a_failing_file_takes_the_database_back_to_where_the_run_found_it(
    database: Database, project: Project
) -> None:
    """Schema and data, as a full dump shows them, are what they were before the run."""
    migrated(database, project)
    before = database.dump()
    two_then_a_failure(project)
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.reason == Reason.STATEMENT_FAILED
    assert database.dump() == before
    assert database.versions == ["1"]
    assert (done.applied.count, done.applied.first, done.applied.last) == (2, "2", "3")
    assert (done.rolled_back.count, done.rolled_back.first, done.rolled_back.last) == (2, "3", "2")
    assert (done.current_version, done.pending_count) == ("1", 3)


def test_the_failure_names_version_file_line_column_code_and_statement(
    database: Database, project: Project
) -> None:
    """Everything a person needs to find the place, also in the stored result."""
    migrated(database, project)
    two_then_a_failure(project)
    failure = attempt(database, make_spec(project)).result.failure
    assert failure is not None
    assert failure.version == "4"
    assert failure.file == "migrations/4_m.sql"
    assert (failure.line, failure.column) == (3, 1)
    assert failure.sqlstate == "22012"
    assert failure.statement == "SELECT"
    assert failure.message == "division by zero"


def test_the_position_of_the_server_is_mapped_to_the_file(
    database: Database, project: Project
) -> None:
    """Characters, not bytes, are counted, from the start of the statement in the file."""
    project.migration("1", "SELECT 'äöü€';\n-- ß\nSELECT 'é', nosuch\nFROM pg_class")
    failure = attempt(database, make_spec(project)).result.failure
    assert failure is not None
    assert (failure.line, failure.column) == (3, 13)


def test_a_first_file_that_fails_leaves_the_database_as_it_was(
    database: Database, project: Project
) -> None:
    """Nothing was applied, so nothing is rolled back: the outcome is Failed."""
    before = database.dump()
    project.migration("1", BEFORE + FAILS)
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.FAILED
    assert database.dump() == before
    assert database.versions == []
    assert ("Failed", "1") in database.log


def test_a_version_without_rollback_script_halts_before_the_first_rollback(
    database: Database, project: Project
) -> None:
    """All or nothing: one missing script, and no other one is run."""
    migrated(database, project)
    two_then_a_failure(project)
    project.root.joinpath("rollbacks/2_m.sql").unlink()
    done = attempt(database, make_spec(project, policy=PER_FILE)).result
    assert done.outcome is Outcome.HALTED
    assert done.reason == Reason.NO_ROLLBACK_SCRIPT
    assert "2, 3" in done.message
    assert database.versions == ["1", "2", "3"]
    assert done.failure is not None
    assert done.failure.sqlstate == "22012"


def test_the_policy_halt_leaves_what_is_applied(database: Database, project: Project) -> None:
    """The failing file itself is rolled back by the server; the ones before it stay."""
    migrated(database, project)
    two_then_a_failure(project)
    done = attempt(database, make_spec(project, policy=Policy(on_failure="Halt"))).result
    assert done.outcome is Outcome.HALTED
    assert done.reason == Reason.STATEMENT_FAILED
    assert database.versions == ["1", "2", "3"]
    assert database.query("SELECT 1 FROM pg_attribute WHERE attname = 'z'") == []


@pytest.mark.parametrize(
    ("up", "down", "section", "object_name"),
    [
        ("CREATE TABLE a (x int)", "SELECT 1", "relations", "public.a"),
        (
            "ALTER TABLE users DROP CONSTRAINT users_pkey",
            "ALTER TABLE users ADD CONSTRAINT other PRIMARY KEY (id)",
            "constraints",
            "users_pkey on public.users",
        ),
        (
            "DROP POLICY own ON users",
            "CREATE POLICY own ON users USING (true)",
            "policies",
            "own on public.users",
        ),
        (
            "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
            "SELECT 1",
            "relations",
            "public.users",
        ),
        ("GRANT SELECT ON users TO PUBLIC", "SELECT 1", "grants", "public.users"),
        ("CREATE SCHEMA leftover", "SELECT 1", "schemas", "leftover"),
        (
            "ALTER TABLE users ALTER name SET DEFAULT 'x'",
            "SELECT 1",
            "columns",
            "public.users.name",
        ),
    ],
)
def test_a_rollback_script_that_lies_is_caught_and_the_object_is_named(  # noqa: PLR0917  a table
    database: Database, project: Project, up: str, down: str, section: str, object_name: str
) -> None:
    """The scripts ran without an error, but the schema is not what it was: RollbackFailed."""
    migrated(database, project)
    project.migration("2", up, down)
    project.migration("3", FAILS)
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.ROLLBACK_FAILED
    assert done.reason == Reason.FINGERPRINT_MISMATCH
    assert any(line.startswith(f"{section}: {object_name} ") for line in done.differences)
    assert object_name in done.message
    assert done.failure is not None
    assert "left nothing behind" not in done.failure.hint, "the schema is not as it was"


def test_a_rollback_script_that_fails_names_itself_and_what_still_stands(
    database: Database, project: Project
) -> None:
    """Those rolled back before it are gone from the history, it and those below are not."""
    migrated(database, project)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("3", "CREATE TABLE b (x int)", "\nDROP TABLE nosuch")
    project.migration("4", "CREATE TABLE c (x int)", "DROP TABLE c")
    project.migration("5", FAILS)
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.ROLLBACK_FAILED
    assert done.reason == Reason.ROLLBACK_SCRIPT_FAILED
    assert done.failure is not None
    assert (done.failure.version, done.failure.line) == ("3", 2)
    assert done.failure.file == "rollbacks/3_m.sql"
    assert "still applied by this run: 2, 3" in done.message
    assert database.versions == ["1", "2", "3"]
    assert done.rolled_back.count == 1


def test_only_what_this_run_applied_is_rolled_back(database: Database, project: Project) -> None:
    """Versions of earlier runs stay, whatever rollback scripts they have."""
    migrated(database, project)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    attempt(database, make_spec(project))
    project.migration("3", FAILS)
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.FAILED
    assert database.versions == ["1", "2"]


def test_a_dropped_and_restored_column_counts_as_restored(
    database: Database, project: Project
) -> None:
    """A column that comes back at the end is the same column: its place is not compared."""
    migrated(database, project)
    project.migration(
        "2",
        f"{ALLOW}DROP POLICY own ON users; ALTER TABLE users DROP COLUMN name",
        "ALTER TABLE users ADD COLUMN name text NOT NULL DEFAULT '';"
        "ALTER TABLE users ALTER name DROP DEFAULT;"
        "CREATE POLICY own ON users USING (name = current_user);",
    )
    project.migration("3", FAILS)
    done = attempt(database, make_spec(project, policy=PER_FILE))
    assert done.outcome is Outcome.ROLLED_BACK


def test_a_rolled_back_run_can_be_followed_by_one_that_works(
    database: Database, project: Project
) -> None:
    """After the file is corrected a new run applies everything."""
    migrated(database, project)
    two_then_a_failure(project)
    attempt(database, make_spec(project, run_id=uuid4()))
    project.migration("4", "ALTER TABLE users ADD COLUMN z int", "SELECT 1")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2", "3", "4"]


def test_the_stored_scripts_are_used_not_the_ones_in_the_folder(
    database: Database, project: Project
) -> None:
    """A rollback script edited while the run goes is not the one that belonged to the version."""
    migrated(database, project)
    project.migration("2", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("3", FAILS)

    def edit(_: Event) -> None:
        project.write("rollbacks/2_m.sql", "SELECT nosuch")

    done = attempt(database, make_spec(project), during=edit)
    assert done.outcome is Outcome.ROLLED_BACK
