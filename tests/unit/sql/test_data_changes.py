"""What a statement does to data that was there, as far as its text tells."""

import pytest

from meshmigrate.domain.data_change import DataChange, Place
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.sql.split import split

MERGE = "MERGE INTO a USING b ON a.x = b.x WHEN NOT MATCHED THEN INSERT VALUES (1) WHEN MATCHED"


def change(text: str) -> DataChange | None:
    """Give what the first statement does."""
    return next(split(Script(ScriptKind.MIGRATION, "x", text))).statement.change


def losses(text: str) -> list[str]:
    """Give what the first statement loses, in words."""
    found = change(text)
    return [loss.text for loss in found.losses] if found else []


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("DROP TABLE a, s.b", ["table a, dropped", "table s.b, dropped"]),
        (
            "ALTER TABLE s.t DROP COLUMN c, DROP d",
            ["column s.t.c, dropped", "column s.t.d, dropped"],
        ),
        ("ALTER TYPE t DROP ATTRIBUTE c", ["column t.c, dropped"]),
        ("TRUNCATE a, b", ["rows of a, truncated", "rows of b, truncated"]),
        ("TRUNCATE a CASCADE", ["rows of a, truncated", "rows of tables that reference a"]),
        ("DELETE FROM a WHERE x", ["rows of a, deleted"]),
        ("UPDATE a SET b = 1, (c, d) = (1, 2)", [f"values of a.{c}, overwritten" for c in "bcd"]),
        ("WITH x AS (SELECT 1) UPDATE a SET b = 1", ["values of a.b, overwritten"]),
        ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", ["rows of a, deleted"]),
        ("WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b TABLE x", ["rows of a, deleted"]),
        (
            "INSERT INTO a VALUES (1) ON CONFLICT (x) DO UPDATE SET b = 1",
            ["values of a.b, overwritten"],
        ),
        (
            f"{MERGE} THEN DELETE WHEN MATCHED THEN UPDATE SET c = 1",
            ["rows of a, deleted", "values of a.c, overwritten"],
        ),
        (
            "ALTER TABLE a ALTER b TYPE varchar(3)",
            ["values of a.b as they were in their former type"],
        ),
        (
            "ALTER TABLE a ALTER b TYPE text USING left(b, 1)",
            ["values of a.b as they were in their former type"],
        ),
        ("DROP SCHEMA s CASCADE", ["what was in schema s"]),
        ("DROP TYPE s.t CASCADE", ["columns of type s.t, dropped with it"]),
        ("DROP DOMAIN d CASCADE", ["columns of domain d, dropped with it"]),
        ("DROP EXTENSION hstore", ["what extension hstore kept"]),
        ("DROP OWNED BY app", ["what the role owned, dropped"]),
        ("DROP SEQUENCE s", ["the position of sequence s"]),
        ("ALTER SEQUENCE s RESTART WITH 7", ["the position of sequence s"]),
        ("EXPLAIN ANALYZE DELETE FROM a", ["rows of a, deleted"]),
        (
            "DO $$ BEGIN IF true THEN DELETE FROM a; END IF; UPDATE b SET c = 1; END $$",
            ["rows of a, deleted", "values of b.c, overwritten"],
        ),
    ],
)
def test_what_a_statement_discards_is_named(text: str, lost: list[str]) -> None:
    """Each table and column by the name it has in the file."""
    assert losses(text) == lost


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE a (x int)",
        "INSERT INTO a VALUES (1)",
        "INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING",
        "ALTER TABLE a ADD COLUMN b int",
        "ALTER TABLE a ALTER b TYPE text",
        "ALTER TABLE a ALTER b TYPE character varying",
        "ALTER TABLE a DROP CONSTRAINT b",
        "ALTER FOREIGN TABLE a DROP COLUMN b",
        "DROP VIEW v",
        "DROP INDEX i",
        "DROP MATERIALIZED VIEW v",
        "DROP FUNCTION f(int)",
        "DROP SCHEMA s",
        "DROP TYPE t",
        "ALTER SEQUENCE s INCREMENT 2",
        "ALTER TYPE t RENAME VALUE 'a' TO 'b'",
        "DO 'BEGIN RAISE NOTICE ''update''; END'",
        "DO LANGUAGE plpython3u 'delete = 1'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'DELETE FROM a'",
    ],
)
def test_other_statements_discard_nothing(text: str) -> None:
    """They add, or take away what is no data."""
    assert losses(text) == []


@pytest.mark.parametrize(
    ("text", "created"),
    [
        ("CREATE TABLE s.a (x int)", Place("s", "a")),
        ("CREATE TABLE a AS SELECT 1", Place("", "a")),
        ("SELECT 1 INTO a", Place("", "a")),
        ("CREATE TYPE a AS ENUM ('x')", Place("", "a")),
        ("CREATE SEQUENCE a", Place("", "a")),
        ("CREATE SCHEMA s", Place("s", "")),
        ("ALTER TABLE a ADD b int", Place("", "a", "b")),
    ],
)
def test_what_was_certainly_not_there_before_is_told(text: str, created: Place) -> None:
    """It has no data to lose."""
    found = change(text)
    assert found is not None
    assert (found.creates, found.temporary) == ((created,), False)


@pytest.mark.parametrize(
    "text",
    ["CREATE TABLE IF NOT EXISTS a (x int)", "ALTER TABLE a ADD COLUMN IF NOT EXISTS b int"],
)
def test_what_may_have_been_there_is_not(text: str) -> None:
    """IF NOT EXISTS leaves it open."""
    assert change(text) is None


def test_a_temporary_table_is_known_as_one() -> None:
    """It ends with its file."""
    found = change("CREATE TEMP TABLE a (x int)")
    assert found is not None
    assert found.temporary
