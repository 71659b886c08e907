"""``--write-back``: Supabase's own history agrees with what is there, whatever happens."""

from typing import Final

import pytest
from msgspec.structs import replace

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Ledger, Policy, RunSpec
from meshmigrate.domain.version import Version
from meshmigrate.engine.adopt import Adoption
from meshmigrate.engine.declaration import Situation
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.rollback import roll_back
from meshmigrate.engine.wanted import read_wanted
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import run_command
from tests.postgres.test_rollback_to import PulledPlugError

TABLE = """
CREATE SCHEMA supabase_migrations;
CREATE TABLE supabase_migrations.schema_migrations (
    version text PRIMARY KEY, statements text[], name text
)
"""
ROWS = "SELECT version, statements, name FROM supabase_migrations.schema_migrations ORDER BY 1"
TEXT = "-- first\nCREATE TABLE a (x int);\nCOMMENT ON TABLE a IS 'b; c'; -- last"


def spec(project: Project, *, target: str = "latest") -> RunSpec:
    """Make a run spec that asks for it."""
    return replace(make_spec(project, target=target), ledger=Ledger(write_back=True))


def test_each_version_is_written_with_its_statements_and_name(
    database: Database, project: Project
) -> None:
    """As Supabase's command line would have written it."""
    database.query(TABLE)
    project.migration("20260101000001", TEXT).migration("20260101000002", "SELECT 1")
    assert attempt(database, spec(project)).outcome is Outcome.SUCCEEDED
    statements = ["CREATE TABLE a (x int)", "COMMENT ON TABLE a IS 'b; c'"]
    assert database.query(ROWS) == [
        ("20260101000001", statements, "m"),
        ("20260101000002", ["SELECT 1"], "m"),
    ]


def test_what_was_written_back_is_what_adopt_would_find(
    database: Database, project: Project
) -> None:
    """Another ledger adopts every version of it, and no file counts as edited."""
    database.query(TABLE)
    project.migration("20260101000001", TEXT)
    attempt(database, spec(project))
    with database.connect() as connection:
        situation = Situation(
            wanted=read_wanted(project.folders, "latest"), history=(), connection=connection
        )
        found = Adoption((), "ada").decide(situation)
    assert [Version(each.version) for each in found.versions] == [Version("20260101000001")]


def test_a_file_that_fails_leaves_no_row_there(database: Database, project: Project) -> None:
    """Its row is of its transaction; what was rolled back is taken out, what was there stays."""
    database.query(TABLE)
    database.query("INSERT INTO supabase_migrations.schema_migrations VALUES ('1', '{}', 'old')")
    project.migration("1", "SELECT 1", "SELECT 1")
    attempt(database, make_spec(project))
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b").migration("3", "SELECT 1/0")
    assert attempt(database, spec(project)).outcome is Outcome.ROLLED_BACK
    assert database.query(ROWS) == [("1", [], "old")]


def test_a_halted_run_has_written_what_stands(database: Database, project: Project) -> None:
    """Row by row, each with its version."""
    database.query(TABLE)
    project.migration("1", "SELECT 1").migration("2", "SELECT 1/0")
    halting = replace(spec(project), policy=Policy(on_failure="Halt"))
    assert attempt(database, halting).outcome is Outcome.HALTED
    assert [row[0] for row in database.query(ROWS)] == ["1"]


def test_a_rollback_takes_its_versions_out(database: Database, project: Project) -> None:
    """The target's row stays."""
    database.query(TABLE)
    project.migration("1", "SELECT 1", "SELECT 1").migration("2", "SELECT 2", "SELECT 2")
    attempt(database, spec(project))
    assert attempt(database, spec(project, target="1"), start=roll_back).outcome is (
        Outcome.SUCCEEDED
    )
    assert [row[0] for row in database.query(ROWS)] == ["1"]


def test_a_rollback_that_others_finish_takes_its_versions_out(
    database: Database, project: Project
) -> None:
    """Also where they were not asked to write back: it is the run's own way back."""
    database.query(TABLE)
    project.migration("1", "SELECT 1", "SELECT 1").migration("2", "SELECT 1", "SELECT 1")
    attempt(database, spec(project))

    def cut(event: Event) -> None:
        if event.name is EventName.ROLLED_BACK:
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        attempt(database, spec(project, target="0"), during=cut, start=roll_back)
    assert database.versions == ["1"]
    attempt(database, make_spec(project, target="0"), start=roll_back)
    assert database.versions == []
    assert database.query(ROWS) == []


def test_a_file_in_steps_is_written_when_it_is_whole(database: Database, project: Project) -> None:
    """With the last of its steps."""
    database.query(TABLE)
    project.migration("1", "CREATE TABLE a (x int); CREATE INDEX CONCURRENTLY a_x ON a (x)")
    assert attempt(database, spec(project)).outcome is Outcome.SUCCEEDED
    ((version, statements, _),) = database.query(ROWS)
    assert (version, len(statements)) == ("1", 2)


def test_a_table_of_an_early_release_has_the_version_alone(
    database: Database, project: Project
) -> None:
    """What it has no column for is left out; a row that is there already is left alone."""
    database.query(TABLE)
    database.query(
        "ALTER TABLE supabase_migrations.schema_migrations DROP COLUMN statements, DROP COLUMN name"
    )
    database.query("INSERT INTO supabase_migrations.schema_migrations VALUES ('1')")
    project.migration("1", "SELECT 1").migration("2", "SELECT 2")
    assert attempt(database, spec(project)).outcome is Outcome.SUCCEEDED
    rows = database.query("SELECT version FROM supabase_migrations.schema_migrations ORDER BY 1")
    assert rows == [("1",), ("2",)]


OWNED_BY: Final = "ALTER TABLE supabase_migrations.schema_migrations OWNER TO"


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        ("SELECT 1", Reason.NOTHING_TO_ADOPT),
        (TABLE, Reason.PERMISSION_DENIED),
        (f"{TABLE}; {OWNED_BY} pg_monitor", Reason.LEDGER_CONFLICT),
    ],
)
def test_what_could_not_be_written_is_refused_before_anything_is_run(
    database: Database, project: Project, prepare: str, reason: Reason
) -> None:
    """No table, a stranger's table, a table that may not be written to."""
    database.query(prepare, superuser=True)
    project.migration("1", "CREATE TABLE a (x int)")
    done = attempt(database, spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)
    assert done.failure is not None
    assert "--write-back" in done.failure.hint
    assert not database.has_ledger


def test_the_option_and_the_variable_ask_for_it(database: Database, project: Project) -> None:
    """Of apply and of rollback."""
    database.query(TABLE)
    project.migration("1", "SELECT 1", "SELECT 1")
    assert run_command(database, project.root, "apply", "--write-back").returncode == 0
    assert [row[0] for row in database.query(ROWS)] == ["1"]
    done = run_command(database, project.root, "rollback", "--to=0", MESHMIGRATE_WRITE_BACK="1")
    assert (done.returncode, database.query(ROWS)) == (0, []), done
