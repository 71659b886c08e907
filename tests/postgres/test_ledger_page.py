"""docs/ledger.md: its tables are the ledger's, and its SQL runs and finds what it says."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.postgres.harness import Database, Project, attempt, make_spec

pytestmark = pytest.mark.one_version  # it is the documentation that counts here

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "ledger.md").read_text()
QUERIES: Final = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
(CHAIN,) = [query for query in QUERIES if "expected_hash" in query]
(COMPLETE,) = [query for query in QUERIES if "is_complete" in query]
VERSION: Final = "20260105090000"
DOWN: Final = "DROP TABLE a"


@pytest.fixture
def told(database: Database, project: Project) -> Database:
    """Give a database with a version applied and a run that failed."""
    project.migration(VERSION, "CREATE TABLE a (x int)", DOWN)
    attempt(database, make_spec(project))
    project.migration("20260105090001", "SELECT 1/0")
    attempt(database, make_spec(project))
    return database


def documented() -> dict[str, tuple[str, list[tuple[str, str, str]]]]:
    """Give the tables of the page: what each is for, and name, type, meaning of its columns."""
    _, _, tables = PAGE.partition("\n## Tables\n")
    found = {}
    for section in tables.split("### ")[1:]:
        name, purpose, *lines = section.splitlines()
        cells = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
        found[name] = (purpose, [(column.strip("`"), kind, text) for column, kind, text in cells])
    return found


def test_the_page_has_every_table_and_column_with_its_comment(told: Database) -> None:
    """In the order of the table, with the type, and in the words that psql shows."""
    rows = told.query(
        "SELECT c.relname, obj_description(c.oid), a.attname, t.typname, "
        "col_description(c.oid, a.attnum) FROM pg_class AS c "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "JOIN pg_type AS t ON t.oid = a.atttypid "
        "WHERE c.relnamespace = 'meshmigrate'::regnamespace AND c.relkind = 'r' "
        "ORDER BY c.relname, a.attnum"
    )
    names = {"int2": "smallint", "int4": "integer", "int8": "bigint", "bool": "boolean"}
    actual: dict[str, tuple[str, list[tuple[str, str, str]]]] = {}
    for table, purpose, column, kind, text in rows:
        columns = actual.setdefault(table, (purpose, []))[1]
        columns.append((column, names.get(kind) or kind, text))
    assert documented() == actual


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.split("\n")[0][:40])
def test_every_query_of_the_page_runs(told: Database, query: str) -> None:
    """As it stands there, by the role that migrates."""
    told.query(query)


def test_the_chain_can_be_verified_by_hand(told: Database) -> None:
    """No row while it is intact; the first broken one when a row was changed."""
    assert told.query(CHAIN) == []
    assert told.query(COMPLETE) == [(True,)]
    told.query("ALTER TABLE meshmigrate.log DISABLE TRIGGER append_only")
    told.query("UPDATE meshmigrate.log SET message = 'nothing happened' WHERE id = 3")
    assert told.query(CHAIN) == [(3,)]


def test_rows_cut_off_at_the_end_are_found_by_hand(told: Database) -> None:
    """The head of the chain remembers how many there were."""
    told.query("ALTER TABLE meshmigrate.log DISABLE TRIGGER append_only")
    told.query("DELETE FROM meshmigrate.log WHERE id = (SELECT max(id) FROM meshmigrate.log)")
    assert told.query(CHAIN) == []
    assert told.query(COMPLETE) == [(False,)]


def test_the_rollback_script_can_be_read_from_the_ledger(told: Database) -> None:
    """The query of the page gives the text of the file."""
    (query,) = [query for query in QUERIES if "rollback_checksum" in query]
    assert told.query(query) == [(DOWN,)]


def test_the_page_has_every_event_that_the_engine_writes() -> None:
    """What the source names as an event of the log has a line in the table of events."""
    engine = ROOT / "operator" / "meshmigrate" / "engine"
    source = "\n".join(path.read_text() for path in engine.rglob("*.py"))
    events = set(re.findall(r'event="(\w+)"|_entry\("(\w+)"', source))
    named = {name for pair in events for name in pair if name}
    named |= set(re.findall(r'^[A-Z_]+: Final = "([A-Z]\w+)"$', source, re.MULTILINE))
    _, _, table = PAGE.partition("\n## The events of the log\n")
    table, _, _ = table.partition("\n## ")
    assert {"Applied", "Started", "RolledBack"} <= named
    assert [name for name in sorted(named) if f"`{name}`" not in table] == []
