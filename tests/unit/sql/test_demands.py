"""The rights that the text of a statement tells, and what it hides of those behind it.

That the server asks for the same is tested against servers.
"""

import pytest

from meshmigrate.domain.privilege import Demand, Kind, Need, Obscures, Right
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.sql.split import split


def demand(text: str) -> Demand:
    """Give the demand of the first statement."""
    return next(split(Script(ScriptKind.MIGRATION, "x", text))).statement.demand


def relation(right: Right, name: str = "t", schema: str = "s") -> Need:
    """Give the need of a right on a relation."""
    return Need(Kind.RELATION, right, schema, name)


IN_SCHEMA = Need(Kind.SCHEMA, Right.CREATE, name="s")


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("INSERT INTO s.t VALUES (1)", {relation(Right.INSERT)}),
        (
            "INSERT INTO s.t SELECT 1 FROM s.u",
            {relation(Right.INSERT), relation(Right.SELECT, "u")},
        ),
        ("DELETE FROM s.t USING s.u", {relation(Right.DELETE), relation(Right.SELECT, "u")}),
        ("UPDATE s.t SET a = 1", {relation(Right.UPDATE)}),
        (
            "SELECT 1 FROM s.t JOIN s.u ON true",
            {relation(Right.SELECT), relation(Right.SELECT, "u")},
        ),
        ("TRUNCATE s.t", {relation(Right.TRUNCATE)}),
        ("CREATE TABLE s.t (u int REFERENCES s.u)", {IN_SCHEMA, relation(Right.REFERENCES, "u")}),
        ("CREATE TABLE s.t PARTITION OF s.u DEFAULT", {IN_SCHEMA, relation(Right.OWN, "u")}),
        ("CREATE OR REPLACE VIEW s.t AS SELECT 1", {IN_SCHEMA, relation(Right.REPLACE)}),
        ("CREATE FUNCTION s.f() RETURNS int LANGUAGE sql AS ''", {IN_SCHEMA}),
        ("CREATE TYPE s.e AS ENUM ()", {IN_SCHEMA}),
        ("CREATE TEMP TABLE t (x int)", set()),
        ("CREATE TABLE pg_temp.t (x int)", set()),
        ("ALTER TABLE s.t ADD x int", {relation(Right.OWN)}),
        (
            "ALTER TABLE s.t ATTACH PARTITION s.u DEFAULT",
            {relation(Right.OWN), relation(Right.OWN, "u")},
        ),
        (
            "ALTER TABLE s.t OWNER TO r",
            {relation(Right.OWN), Need(Kind.ROLE, Right.MEMBER, "", "r")},
        ),
        ("ALTER TABLE s.t OWNER TO CURRENT_USER", {relation(Right.OWN)}),
        ("ALTER TABLE s.t SET SCHEMA n", {relation(Right.OWN), IN_SCHEMA._replace(name="n")}),
        ("DROP TABLE s.t", {relation(Right.DROP)}),
        ("DROP TRIGGER g ON s.t", {relation(Right.OWN)}),
        ("DROP TYPE s.e", {Need(Kind.TYPE, Right.DROP, "s", "e")}),
        ("DROP FUNCTION s.f(int)", {Need(Kind.ROUTINE, Right.DROP, "s", "f")}),
        ("ALTER TYPE s.e ADD VALUE 'x'", {Need(Kind.TYPE, Right.OWN, "s", "e")}),
        ("COMMENT ON COLUMN s.t.a IS ''", {relation(Right.OWN)}),
        ("COMMENT ON SCHEMA s IS ''", {Need(Kind.SCHEMA, Right.OWN, "", "s")}),
        ("REINDEX TABLE s.t", {relation(Right.MAINTAIN)}),
        ("VACUUM s.t", set()),
        ("CREATE SCHEMA s", {Need(Kind.DATABASE, Right.CREATE)}),
        ("CREATE EXTENSION x", {Need(Kind.EXTENSION, Right.CREATE, "", "x")}),
    ],
)
def test_a_statement_needs_what_the_server_asks_for(text: str, needs: set[Need]) -> None:
    """No more than that."""
    found = demand(text)
    assert set(found.needs) == needs
    assert found.obscures is Obscures.NOTHING


@pytest.mark.parametrize(
    ("text", "obscures"),
    [
        ("DO 'BEGIN END'", Obscures.ALL),
        ("CALL p()", Obscures.ALL),
        ("SELECT f()", Obscures.ALL),
        ("GRANT a TO b", Obscures.ALL),
        ("GRANT SELECT ON ALL TABLES IN SCHEMA s TO b", Obscures.NOTHING),
        ("CREATE ROLE r", Obscures.ALL),
        ("ALTER ROLE r RENAME TO q", Obscures.ALL),
        ("DROP OWNED BY r", Obscures.ALL),
        ("EXPLAIN ANALYZE DELETE FROM t", Obscures.ALL),
        ("SET ROLE r", Obscures.FILE),
        ("SET LOCAL ROLE r", Obscures.FILE),
        ("SELECT pg_catalog.set_config('role', 'r', false)", Obscures.FILE),
        ("SET search_path = s", Obscures.NAMES),
        ("RESET ALL", Obscures.NAMES),
        ("SELECT pg_catalog.set_config('search_path', '', false)", Obscures.NAMES),
        ("SET lock_timeout = 0", Obscures.NOTHING),
    ],
)
def test_what_may_change_rights_or_names_is_known_as_such(text: str, obscures: Obscures) -> None:
    """Behind it nothing is certain that the statement may have changed."""
    assert demand(text).obscures is obscures


@pytest.mark.parametrize(
    ("text", "changed", "schemas"),
    [
        ("CREATE TABLE s.t (x int)", {"t"}, set()),
        ("ALTER TABLE t RENAME TO u", {"t", "u"}, set()),
        ("ALTER TABLE t OWNER TO r", {"t"}, set()),
        ("DROP TABLE a, s.b", {"a", "b"}, set()),
        ("GRANT SELECT ON t TO r", {"t"}, set()),
        ("CREATE SCHEMA AUTHORIZATION r", set(), {"r"}),
        ("DROP SCHEMA s CASCADE", {"s"}, {"s"}),
        ("ALTER SCHEMA s RENAME TO n", set(), {"s", "n"}),
        ("GRANT USAGE ON SCHEMA s TO r", set(), {"s"}),
    ],
)
def test_what_changes_is_named(text: str, changed: set[str], schemas: set[str]) -> None:
    """It will be another thing, or somebody else's, for the statements behind."""
    found = demand(text)
    assert (set(found.changed), set(found.schemas)) == (changed, schemas)


@pytest.mark.parametrize(
    "text",
    [
        "DROP CAST (int AS text)",
        "DROP OPERATOR s.+ (int, int)",
        "DROP OPERATOR CLASS c USING btree",
        "DROP TRANSFORM FOR int LANGUAGE sql",
        "DROP EXTENSION a, b",
        "DROP PUBLICATION p",
        "DROP STATISTICS s.x",
        "DROP AGGREGATE s.a(*)",
        "DROP FOREIGN DATA WRAPPER w",
        "COMMENT ON CAST (int AS text) IS ''",
        "COMMENT ON CONSTRAINT c ON s.t IS ''",
        "COMMENT ON CONSTRAINT c ON DOMAIN d IS ''",
        "COMMENT ON LARGE OBJECT 7 IS ''",
        "COMMENT ON DATABASE d IS ''",
        "COMMENT ON ROLE r IS ''",
        "COMMENT ON OPERATOR + (int, int) IS ''",
        "COMMENT ON FUNCTION f IS ''",
        "ALTER OPERATOR + (int, int) OWNER TO r",
        "ALTER DATABASE d OWNER TO r",
        "ALTER LARGE OBJECT 7 OWNER TO r",
        "ALTER EXTENSION x SET SCHEMA s",
        "ALTER OPERATOR FAMILY f USING btree SET SCHEMA s",
        "ALTER TYPE c RENAME ATTRIBUTE a TO b",
        "ALTER DOMAIN d RENAME CONSTRAINT a TO b",
        "ALTER DATABASE d RENAME TO e",
        "ALTER TRIGGER a ON t RENAME TO b",
        "ALTER LANGUAGE l RENAME TO m",
        "ALTER FUNCTION f RENAME TO g",
        "ALTER PROCEDURE f() RESET ALL",
        "CREATE OPERATOR s.+ (FUNCTION = f, LEFTARG = int)",
        "CREATE AGGREGATE a(int) (sfunc = f, stype = int)",
        'CREATE COLLATION c FROM pg_catalog."C"',
        "CREATE TABLE t AS EXECUTE p",
        "CREATE TABLE t OF c",
        "CREATE MATERIALIZED VIEW v AS SELECT 1 WITH NO DATA",
        "COPY (SELECT 1) TO STDOUT",
        "CLUSTER",
        "REINDEX SCHEMA s",
        "VALUES (1)",
        "SELECT 1 UNION SELECT 2",
        "INSERT INTO t DEFAULT VALUES",
        "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE",
        "GRANT USAGE ON LANGUAGE sql TO r",
        "REVOKE ALL ON SEQUENCE q FROM r",
        "SECURITY LABEL ON TABLE t IS ''",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "CREATE USER MAPPING FOR r SERVER s",
        "IMPORT FOREIGN SCHEMA a FROM SERVER s INTO b",
        "ALTER TABLE ALL IN TABLESPACE a SET TABLESPACE b",
        "ALTER INDEX i ATTACH PARTITION j",
        "LISTEN x",
        "CHECKPOINT",
        "LOAD 'x'",
    ],
)
def test_no_statement_is_too_odd(text: str) -> None:
    """Whatever has a name of another form is left to the server."""
    assert isinstance(demand(text), Demand)


def test_equal_inserts_share_one_value() -> None:
    """A file of 200,000 of them holds it once."""
    assert demand("INSERT INTO t VALUES (1)") is demand("INSERT INTO t VALUES (2)")
