"""A database that Supabase's command line has migrated so far, and its files."""

from functools import partial

from meshmigrate.domain.version import Version
from meshmigrate.engine.adopt import Adoption
from meshmigrate.engine.declare import declare
from tests.postgres.harness import Attempt, Database, Project, attempt, make_spec

TABLE = """
CREATE SCHEMA supabase_migrations;
CREATE TABLE supabase_migrations.schema_migrations (
    version text PRIMARY KEY, statements text[], name text
)
"""
ADD = "INSERT INTO supabase_migrations.schema_migrations VALUES (%s, %s, 'm')"

# Run again, the first would fail and the second would lose its rows.
FIRST = """-- it's the first
CREATE TABLE events (id int, at date);
INSERT INTO events VALUES (1, current_date);
COMMENT ON TABLE events IS 'a; b'; -- the end"""
FIRST_STORED = [
    "-- it's the first\nCREATE TABLE events (id int, at date)",
    "INSERT INTO events VALUES (1, current_date)",
    "COMMENT ON TABLE events IS 'a; b'",
]
BLOCK = """DO $$
BEGIN
    EXECUTE format('CREATE TABLE %I (x int)', 'copy'); -- dynamic
END $$"""
SECOND = f"{BLOCK};\nDELETE FROM events;\nINSERT INTO events VALUES (2, current_date)"
SECOND_STORED = [BLOCK, "DELETE FROM events", "INSERT INTO events\nVALUES (2, current_date)"]


def adopt(database: Database, project: Project, *accept: str, dry_run: bool = False) -> Attempt:
    """Adopt in this process."""
    decide = Adoption(tuple(map(Version, accept)), "ada").decide
    start = partial(declare, decide=decide, dry_run=dry_run)
    return attempt(database, make_spec(project), start=start)


def add(database: Database, version: str, statements: list[str] | None) -> None:
    """Add a row to Supabase's table."""
    database.query(ADD, version, statements)


def migrated_by_supabase(database: Database, project: Project) -> None:
    """Make a database that two versions were applied to, and a source that has a third."""
    project.migration("20260101000001", FIRST).migration("20260101000002", SECOND)
    project.migration("20260101000003", "CREATE TABLE third (x int)")
    database.query(TABLE)
    for text in (*FIRST_STORED, *SECOND_STORED):
        database.query(text)
    add(database, "20260101000001", FIRST_STORED)
    add(database, "20260101000002", SECOND_STORED)


def state(database: Database) -> tuple[str, list[tuple[object, ...]]]:
    """Give everything that a refusal must leave alone."""
    rows: list[tuple[object, ...]] = []
    if database.has_ledger:
        rows = database.query("SELECT * FROM meshmigrate.applied ORDER BY ordinal")
    return database.dump(), rows
