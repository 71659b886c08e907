"""Statements are called by PostgreSQL's command tags."""

import pytest
from postgast import parse
from postgast.pg_query_pb2 import Node, ObjectType

from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.sql.classify import command_tag
from meshmigrate.sql.split import split


def tags(text: str) -> list[str]:
    """Give the command tag of every statement."""
    return [parsed.statement.kind for parsed in split(Script(ScriptKind.MIGRATION, "x", text))]


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("CREATE TABLE t ()", "CREATE TABLE"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE AS"),
        ("CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE MATERIALIZED VIEW"),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE VIEW"),
        ("CREATE UNIQUE INDEX i ON t (a)", "CREATE INDEX"),
        ("CREATE SEQUENCE s", "CREATE SEQUENCE"),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS ''", "CREATE FUNCTION"),
        ("CREATE PROCEDURE f() LANGUAGE sql AS ''", "CREATE PROCEDURE"),
        ("CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()", "CREATE TRIGGER"),
        ("CREATE POLICY p ON t", "CREATE POLICY"),
        ("CREATE TYPE e AS ENUM ('a')", "CREATE TYPE"),
        ("CREATE TYPE c AS (a int)", "CREATE TYPE"),
        ("CREATE DOMAIN d AS int", "CREATE DOMAIN"),
        ("CREATE AGGREGATE a(int) (sfunc = f, stype = int)", "CREATE AGGREGATE"),
        ("CREATE TEXT SEARCH CONFIGURATION c (PARSER = p)", "CREATE TEXT SEARCH CONFIGURATION"),
        ("CREATE EXTENSION x", "CREATE EXTENSION"),
        ("CREATE SCHEMA s", "CREATE SCHEMA"),
        ("CREATE SERVER s FOREIGN DATA WRAPPER w", "CREATE SERVER"),
        ("CREATE STATISTICS s ON a, b FROM t", "CREATE STATISTICS"),
        ("CREATE RULE r AS ON INSERT TO t DO NOTHING", "CREATE RULE"),
        ("CREATE PUBLICATION p", "CREATE PUBLICATION"),
        ("CREATE ROLE r", "CREATE ROLE"),
        ("ALTER TABLE t ADD COLUMN a int", "ALTER TABLE"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "ALTER TABLE"),
        ("ALTER VIEW v RENAME COLUMN a TO b", "ALTER VIEW"),
        ("ALTER TABLE t RENAME CONSTRAINT a TO b", "ALTER TABLE"),
        ("ALTER TABLE t RENAME TO u", "ALTER TABLE"),
        ("ALTER TABLE t SET SCHEMA s", "ALTER TABLE"),
        ("ALTER TABLE t OWNER TO app", "ALTER TABLE"),
        ("ALTER INDEX i RENAME TO j", "ALTER INDEX"),
        ("ALTER FUNCTION f() OWNER TO app", "ALTER FUNCTION"),
        ("ALTER FUNCTION f() STABLE", "ALTER FUNCTION"),
        ("ALTER TYPE e ADD VALUE 'b'", "ALTER TYPE"),
        ("ALTER TYPE c RENAME ATTRIBUTE a TO b", "ALTER TYPE"),
        ("ALTER DOMAIN d RENAME CONSTRAINT a TO b", "ALTER DOMAIN"),
        ("ALTER DOMAIN d SET NOT NULL", "ALTER DOMAIN"),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app", "ALTER DEFAULT PRIVILEGES"),
        ("ALTER MATERIALIZED VIEW v SET (fillfactor = 70)", "ALTER MATERIALIZED VIEW"),
        ("ALTER EXTENSION x UPDATE", "ALTER EXTENSION"),
        ("ALTER ROLE r SET search_path = s", "ALTER ROLE"),
        ("DROP TABLE t CASCADE", "DROP TABLE"),
        ("DROP VIEW v", "DROP VIEW"),
        ("DROP POLICY p ON t", "DROP POLICY"),
        ("DROP OPERATOR CLASS c USING btree", "DROP OPERATOR CLASS"),
        ("DROP OWNED BY app", "DROP OWNED"),
        ("TRUNCATE t", "TRUNCATE TABLE"),
        ("COMMENT ON TABLE t IS 'x'", "COMMENT"),
        ("GRANT SELECT ON t TO app", "GRANT"),
        ("REVOKE SELECT ON t FROM app", "REVOKE"),
        ("GRANT app TO me", "GRANT ROLE"),
        ("SECURITY LABEL ON TABLE t IS 'x'", "SECURITY LABEL"),
        ("REFRESH MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW"),
        ("LOCK TABLE t", "LOCK TABLE"),
        ("SET lock_timeout = 1", "SET"),
        ("RESET ALL", "RESET"),
        ("SET CONSTRAINTS ALL DEFERRED", "SET CONSTRAINTS"),
        ("DO ''", "DO"),
        ("CALL p()", "CALL"),
        ("NOTIFY pgrst, 'x'", "NOTIFY"),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "INSERT"),
        ("UPDATE t SET a = 1", "UPDATE"),
        ("DELETE FROM t", "DELETE"),
        ("MERGE INTO t USING s ON true WHEN MATCHED THEN DO NOTHING", "MERGE"),
        ("VALUES (1)", "SELECT"),
        ("ANALYZE t", "ANALYZE"),
        ("IMPORT FOREIGN SCHEMA s FROM SERVER x INTO y", "IMPORT FOREIGN SCHEMA"),
        ("PREPARE TRANSACTION 'x'", "PREPARE TRANSACTION"),
        ("ROLLBACK TO a", "ROLLBACK TO SAVEPOINT"),
    ],
)
def test_a_statement_is_called_by_its_command_tag(text: str, tag: str) -> None:
    """The words are PostgreSQL's own."""
    assert tags(text) == [tag]


def test_every_node_of_the_grammar_has_a_tag() -> None:
    """No statement of any later grammar goes without a name in capitals."""
    for field in Node.DESCRIPTOR.oneofs_by_name["node"].fields:
        node = Node()
        if field.message_type is not None and field.name.endswith("_stmt"):
            getattr(node, field.name).SetInParent()
            assert command_tag(node).isupper()


def test_every_object_type_can_be_dropped_by_name() -> None:
    """No name of PostgreSQL's own enumeration shines through."""
    for kind in ObjectType.values():
        node = parse("DROP TABLE t").stmts[0].stmt
        node.drop_stmt.remove_type = kind
        assert "_" not in command_tag(node)
