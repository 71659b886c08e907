"""What a script may touch: its names, and whether they are all."""

import pytest

from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.sql.mentions import Mentions, mentions


def found(text: str) -> Mentions:
    """Read a script."""
    return mentions(Script(ScriptKind.MIGRATION, "a.sql", text))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("CREATE TABLE s.t (id int REFERENCES u)", {"t", "u"}),
        ("CREATE INDEX i ON t (x)", {"i", "t"}),
        ("DROP TABLE s.t, u", {"t", "u"}),
        ("DROP POLICY p ON s.t", {"p", "t"}),
        ("ALTER TABLE t RENAME CONSTRAINT c TO d", {"t", "c", "d"}),
        ("ALTER TABLE t RENAME TO u", {"t", "u"}),
        ("COMMENT ON TRIGGER g ON s.t IS 'x'", {"g", "t"}),
        ("CREATE FUNCTION s.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'", {"f"}),
        ("DROP FUNCTION s.f(int)", {"f"}),
        ("ALTER TYPE s.e ADD VALUE 'x'", {"e"}),
        ("GRANT SELECT ON t, s.u TO app", {"t", "u"}),
        ("CREATE SCHEMA s", {"s"}),
        ("GRANT USAGE ON SCHEMA s TO app", {"s"}),
        ('CREATE VIEW "V" AS SELECT * FROM t JOIN s."U" USING (id)', {"V", "t", "U"}),
        ("INSERT INTO t SELECT 1 FROM u", {"t", "u"}),
        ("CREATE STATISTICS st ON a, b FROM t", {"st", "t"}),
    ],
)
def test_names_of_objects_are_found(text: str, names: set[str]) -> None:
    """Without the schemas of tables; other words may be among them."""
    assert names <= found(text).names
    assert not found(text).anything


@pytest.mark.parametrize(
    "text",
    [
        "DO $$ BEGIN END $$",
        "CALL p()",
        "DROP TABLE t CASCADE",
        "ALTER TABLE t DROP COLUMN x CASCADE",
        "REVOKE SELECT ON t FROM app CASCADE",
        "GRANT SELECT ON ALL TABLES IN SCHEMA s TO app",
        "ALTER SCHEMA s RENAME TO r",
        "CREATE EXTENSION pg_trgm",
        "DROP ROLE r",
        "DROP OWNED BY r",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app",
        "DROP OPERATOR === (int, int)",
        "COMMENT ON CAST (int AS text) IS 'x'",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "ALTER DATABASE d SET work_mem = 64",
        "CREATE TABLE t (x int); DO $$ BEGIN END $$",
    ],
)
def test_what_reaches_beyond_names_may_touch_anything(text: str) -> None:
    """Better a false alarm than a change of the run's that passes for somebody else's."""
    assert found(text).anything


def test_functions_that_are_called_are_found_where_they_run() -> None:
    """A default is only written down; a query runs."""
    assert found("SELECT a.f(1), now()").functions == {"f", "now"}
    assert found("CREATE TABLE t (x int DEFAULT f())").functions == frozenset()
