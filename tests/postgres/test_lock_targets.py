"""What the parse tree says about locks, compared with the locks that the server shows."""

import pytest

from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.domain.table_lock import LockMode
from meshmigrate.engine.prepared import PreparedScript
from meshmigrate.engine.probe import probe
from meshmigrate.engine.table_targets import find_targets
from meshmigrate.sql.split import split
from tests.postgres.harness import Database

SCHEMA = """
CREATE SCHEMA s;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, b int, parent int REFERENCES parent, t text);
CREATE TABLE s.other (id int PRIMARY KEY, b int, c int);
CREATE INDEX child_b ON child (b);
ALTER TABLE child ADD CONSTRAINT positive CHECK (b > 0) NOT VALID;
ALTER TABLE child ADD CONSTRAINT unproven FOREIGN KEY (b) REFERENCES s.other NOT VALID;
CREATE TABLE measures (id int, at int) PARTITION BY RANGE (at);
CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM (0) TO (10);
CREATE TABLE measures_d PARTITION OF measures DEFAULT;
CREATE TABLE measures_2 (id int, at int);
CREATE TABLE base (id int);
CREATE TABLE heir () INHERITS (base);
CREATE TABLE loner (id int);
CREATE SEQUENCE numbers;
CREATE VIEW seen AS SELECT id FROM loner;
CREATE MATERIALIZED VIEW kept AS SELECT id FROM loner;
CREATE UNIQUE INDEX kept_id ON kept (id);
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER changed BEFORE INSERT ON s.other FOR EACH ROW EXECUTE FUNCTION on_change();
CREATE POLICY mine ON s.other USING (true);
"""

_LOCKS = """
SELECT c.relname, l.mode FROM pg_locks AS l JOIN before AS c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode <> 'AccessShareLock'
"""

STATEMENTS = [
    "CREATE TABLE fresh (id int)",
    "CREATE TABLE fresh (id int REFERENCES parent)",
    "CREATE TABLE fresh (id int, FOREIGN KEY (id) REFERENCES s.other (id))",
    "CREATE TABLE fresh () INHERITS (base)",
    "CREATE TABLE fresh PARTITION OF measures FOR VALUES FROM (20) TO (30)",
    "CREATE TABLE fresh (LIKE loner)",
    "CREATE TABLE fresh AS SELECT * FROM loner",
    "CREATE VIEW fresh AS SELECT * FROM loner",
    "CREATE OR REPLACE VIEW seen AS SELECT id FROM loner",
    "CREATE INDEX ON child (t)",
    "CREATE INDEX ON measures (id)",
    "CREATE STATISTICS st ON b, c FROM s.other",
    "CREATE TRIGGER g BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION on_change()",
    "CREATE TRIGGER g BEFORE UPDATE ON measures FOR EACH ROW EXECUTE FUNCTION on_change()",
    "CREATE POLICY p ON child USING (true)",
    "CREATE RULE r AS ON UPDATE TO child DO ALSO NOTHING",
    "CREATE SEQUENCE fresh",
    "CREATE TYPE colour AS ENUM ('red')",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE child ADD COLUMN c int",
    "ALTER TABLE child ADD COLUMN c int REFERENCES s.other",
    "ALTER TABLE base ADD COLUMN c int",
    "ALTER TABLE ONLY child ADD COLUMN c int",
    "ALTER TABLE measures ADD COLUMN c int",
    "ALTER TABLE child DROP COLUMN t",
    "ALTER TABLE child DROP COLUMN b",
    "ALTER TABLE parent DROP COLUMN id CASCADE",
    "ALTER TABLE child ALTER COLUMN t SET DEFAULT 'x'",
    "ALTER TABLE child ALTER COLUMN t SET NOT NULL",
    "ALTER TABLE child ALTER COLUMN t DROP NOT NULL",
    "ALTER TABLE child ALTER COLUMN t TYPE varchar",
    "ALTER TABLE child ALTER COLUMN t SET STATISTICS 10",
    "ALTER TABLE child ALTER COLUMN t SET STORAGE EXTERNAL",
    "ALTER TABLE child ALTER COLUMN t SET COMPRESSION pglz",
    "ALTER TABLE child ALTER COLUMN b SET (n_distinct = 5)",
    "ALTER TABLE child SET (fillfactor = 70)",
    "ALTER TABLE child SET (autovacuum_enabled = false, toast.autovacuum_enabled = false)",
    "ALTER TABLE child RESET (fillfactor)",
    "ALTER TABLE child SET (user_catalog_table = true)",
    "ALTER TABLE child SET UNLOGGED",
    "ALTER TABLE child ADD CHECK (b > 1)",
    "ALTER TABLE child ADD CONSTRAINT n CHECK (b > 1) NOT VALID",
    "ALTER TABLE child ADD UNIQUE (b)",
    "ALTER TABLE child ADD FOREIGN KEY (b) REFERENCES s.other",
    "ALTER TABLE child ADD FOREIGN KEY (b) REFERENCES s.other NOT VALID, SET (fillfactor = 70)",
    "ALTER TABLE child VALIDATE CONSTRAINT positive",
    "ALTER TABLE child VALIDATE CONSTRAINT unproven",
    "ALTER TABLE child DROP CONSTRAINT child_parent_fkey, DROP CONSTRAINT unproven",
    "ALTER TABLE child DROP CONSTRAINT positive",
    "ALTER TABLE child CLUSTER ON child_b",
    "ALTER TABLE child DISABLE TRIGGER USER",
    "ALTER TABLE child ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE child REPLICA IDENTITY FULL",
    "ALTER TABLE child OWNER TO CURRENT_USER",
    "ALTER TABLE child RENAME TO renamed",
    "ALTER TABLE child RENAME COLUMN b TO c",
    "ALTER TABLE base RENAME COLUMN id TO c",
    "ALTER TABLE child RENAME CONSTRAINT positive TO c",
    "ALTER TABLE child SET SCHEMA s",
    "ALTER INDEX child_b RENAME TO c",
    "ALTER TABLE measures ATTACH PARTITION measures_2 FOR VALUES FROM (20) TO (30)",
    "ALTER TABLE measures DETACH PARTITION measures_1",
    "ALTER TABLE loner INHERIT base",
    "ALTER TABLE heir NO INHERIT base",
    "ALTER SEQUENCE numbers RESTART",
    "ALTER VIEW seen RENAME TO c",
    "ALTER POLICY mine ON s.other USING (false)",
    "ALTER TRIGGER changed ON s.other RENAME TO c",
    "ALTER TYPE s.other_type ADD VALUE 'x'",
    "DROP TABLE child",
    "DROP TABLE parent CASCADE",
    "DROP TABLE measures",
    "DROP TABLE measures_1",
    "DROP TABLE measures_1, heir CASCADE",
    "DROP INDEX child_b",
    "DROP TRIGGER changed ON s.other",
    "DROP POLICY mine ON s.other",
    "DROP SEQUENCE numbers",
    "DROP VIEW seen",
    "DROP MATERIALIZED VIEW kept",
    "DROP FUNCTION unused()",
    "TRUNCATE child",
    "TRUNCATE parent CASCADE",
    "TRUNCATE measures, s.other CASCADE",
    "INSERT INTO loner VALUES (1)",
    "UPDATE loner SET id = 2",
    "DELETE FROM s.other",
    "WITH gone AS (DELETE FROM loner RETURNING id) INSERT INTO base SELECT id FROM gone",
    "WITH gone AS (DELETE FROM loner RETURNING id) SELECT id FROM gone",
    "SELECT * FROM loner",
    "SELECT * FROM loner FOR UPDATE",
    "LOCK TABLE child IN SHARE MODE",
    "LOCK TABLE base",
    "COMMENT ON TABLE child IS 'x'",
    "COMMENT ON COLUMN s.other.b IS 'x'",
    "COMMENT ON CONSTRAINT positive ON child IS 'x'",
    "COMMENT ON FUNCTION on_change() IS 'x'",
    "GRANT SELECT ON child TO PUBLIC",
    "ANALYZE child",
    "ANALYZE measures",
    "CLUSTER child USING child_b",
    "REFRESH MATERIALIZED VIEW kept",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY kept",
    "REINDEX TABLE child",
    "REINDEX INDEX child_b",
]


@pytest.mark.every_version
@pytest.mark.parametrize("text", STATEMENTS)
def test_the_locks_of_a_statement_are_those_the_server_shows(database: Database, text: str) -> None:
    """On relations that were there before it, stronger than ACCESS SHARE, the strongest each."""
    assert_foretold(database, text)


@pytest.mark.every_version
@pytest.mark.since(15)
def test_the_locks_of_a_merge_are_those_the_server_shows(database: Database) -> None:
    """Its target's, as of the statements that it may become."""
    merge = "MERGE INTO loner USING base ON base.id = loner.id WHEN MATCHED THEN DELETE"
    assert_foretold(database, merge)


def assert_foretold(database: Database, text: str) -> None:
    """Compare the locks of a statement as found in its tree with those that it takes."""
    database.query(
        SCHEMA + "CREATE TYPE s.other_type AS ENUM (); "
        "CREATE FUNCTION unused() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    )
    script = Script(ScriptKind.MIGRATION, "x", text)
    prepared = PreparedScript(script, tuple(parsed.statement for parsed in split(script)))
    with database.connect() as connection:
        targets = find_targets(connection, probe(connection), prepared.locks)
        connection.execute("RESET ALL")
        connection.execute(
            "CREATE TEMP TABLE before AS SELECT oid, relname FROM pg_class "
            "WHERE oid >= 16384 AND relkind IN ('r', 'p', 'v', 'm', 'S') "
            "AND relnamespace <> 'pg_toast'::regnamespace"
        )
        names: dict[int, str] = dict(
            connection.execute("SELECT oid, relname FROM before").fetchall()
        )
        with connection.transaction():
            connection.execute(text.encode())
            held = connection.execute(_LOCKS).fetchall()
    seen: dict[str, LockMode] = {}
    by_listing = {mode.listed_as: mode for mode in LockMode}
    for name, listed in held:
        seen[name] = max(seen.get(name, LockMode.ACCESS_SHARE), by_listing[listed])
    assert {names[oid]: mode.words for oid, mode in targets.items() if oid in names} == {
        name: mode.words for name, mode in seen.items()
    }
