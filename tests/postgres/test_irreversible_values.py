"""An enum value cannot be taken out again: a run that would have to halts before it tries."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import Database, Project, attempt, make_spec

PER_FILE = Policy(transaction_mode="PerFile")
ADD = "ALTER TYPE mood ADD VALUE 'glad'"
REMAKE = """
ALTER TYPE mood RENAME TO old_mood;
CREATE TYPE mood AS ENUM ('sad');
ALTER TABLE moods ALTER mood TYPE mood USING mood::text::mood;
DROP TYPE old_mood;
"""


@pytest.fixture(autouse=True)
def _type(database: Database) -> None:
    database.query("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE moods (mood mood)")


def test_a_value_that_no_script_removes_halts_the_way_back(
    database: Database, project: Project
) -> None:
    """Before the first rollback script: nothing is half taken back."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", ADD, "SELECT 1").migration("3", "SELECT 1/0")
    done = attempt(database, make_spec(project, policy=PER_FILE)).result
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.IRREVERSIBLE)
    assert "version 2 is irreversible: it adds a value to the enum type mood" in done.message
    assert database.versions == ["1", "2"]


def test_a_script_that_makes_the_type_anew_takes_the_value_back(
    database: Database, project: Project
) -> None:
    """The schema is proven to be as it was."""
    project.migration("1", ADD, REMAKE).migration("2", "SELECT 1/0")
    done = attempt(database, make_spec(project, policy=PER_FILE)).result
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.STATEMENT_FAILED)
    assert database.query("SELECT unnest(enum_range(NULL::mood))::text") == [("sad",)]


def test_a_batch_needs_no_script_for_it(database: Database, project: Project) -> None:
    """Its transaction never committed the value."""
    before = database.dump()
    project.migration("1", ADD, "SELECT 1").migration("2", "SELECT 1/0")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.transaction_mode) == (Outcome.FAILED, "Batch")
    assert database.dump() == before
