"""Rollback scripts that run without an error and leave something: exactly that is named."""

import re

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import Database, Project, attempt, make_spec

pytestmark = pytest.mark.every_version

BEFORE = """
CREATE TABLE users (id int CONSTRAINT users_id UNIQUE, name text);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON users USING (name = current_user);
CREATE POLICY others ON users USING (name = 'all');
GRANT SELECT ON users TO PUBLIC;
CREATE TABLE parts (x int) PARTITION BY RANGE (x);
CREATE INDEX parts_x ON parts (x);
"""


def go_back(database: Database, project: Project, up: str, down: str) -> list[str]:
    """Apply a version that is taken back as the next one fails; give section and object."""
    database.query(BEFORE)
    project.migration("1", up, down).migration("2", "SELECT 1 / 0")
    done = attempt(database, make_spec(project, policy=Policy(transaction_mode="PerFile"))).result
    assert (done.outcome, done.reason) == (Outcome.ROLLBACK_FAILED, Reason.FINGERPRINT_MISMATCH)
    assert database.versions == []
    return [line.partition("\n")[0] for line in done.differences]


@pytest.mark.parametrize(
    ("up", "down", "section", "name"),
    [
        ("CREATE SCHEMA leftover", "SELECT 1", "schemas", "leftover"),
        ("DROP POLICY own ON users", "SELECT 1", "policies", "own on public.users"),
        ("REVOKE SELECT ON users FROM PUBLIC", "SELECT 1", "grants", "public.users"),
        ("ALTER TABLE users DISABLE ROW LEVEL SECURITY", "SELECT 1", "relations", "public.users"),
        (
            "DROP INDEX parts_x; CREATE TABLE parts_1 PARTITION OF parts DEFAULT",
            "CREATE INDEX parts_x ON ONLY parts (x); DROP TABLE parts_1",
            "indexes",
            "public.parts_x",
        ),
    ],
    ids=["schema", "policy", "grant", "RLS", "INVALID index"],
)
def test_what_is_left_or_lost_is_the_only_object_named(  # noqa: PLR0917  a table
    database: Database, project: Project, up: str, down: str, section: str, name: str
) -> None:
    """Every difference is one of that object."""
    found = go_back(database, project, up, down)
    assert found[0].startswith(f"{section}: {name} ")
    assert {_object(line) for line in found} == {name}


def _object(difference: str) -> str:
    name = difference.partition(": ")[2].removeprefix("schema ")
    return re.split(r" was| is missing", name, maxsplit=1)[0]


def test_a_constraint_of_another_name_is_two_one_lost_and_one_left(
    database: Database, project: Project
) -> None:
    """With its index, which is named after it."""
    up = "ALTER TABLE users DROP CONSTRAINT users_id"
    down = "ALTER TABLE users ADD CONSTRAINT another UNIQUE (id)"
    found = {_object(line) for line in go_back(database, project, up, down)}
    constraints = {"users_id on public.users", "another on public.users"}
    assert found == constraints | {"public.users_id", "public.another"}


def test_an_index_that_is_invalid_is_said_to_be(database: Database, project: Project) -> None:
    """It is there, and it is of no use."""
    up = "DROP INDEX parts_x; CREATE TABLE parts_1 PARTITION OF parts DEFAULT"
    down = "CREATE INDEX parts_x ON ONLY parts (x); DROP TABLE parts_1"
    (difference,) = go_back(database, project, up, down)
    assert "(invalid)" in difference


def test_a_check_that_fails_takes_back_the_versions_before_it(
    database: Database, project: Project
) -> None:
    """Its own version went with its transaction."""
    database.query(BEFORE)
    before = database.dump()
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE INDEX CONCURRENTLY i ON a (x)", "DROP INDEX CONCURRENTLY i")
    project.migration("3", "CREATE TABLE b (x int)", "DROP TABLE b")
    project.migration("4", "SELECT 1", "SELECT 1")
    project.write("checks/3_b.sql", "SELECT count(*) > 0 FROM b")
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.CHECK_FAILED)
    assert (done.rolled_back.first, done.rolled_back.last) == ("2", "1")
    assert database.dump() == before
