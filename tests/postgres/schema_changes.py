"""Changes of a schema, each with what takes it back, to be combined at random."""

from collections.abc import Iterator
from typing import Final, NamedTuple

SCHEMA: Final = """
CREATE TYPE mood AS ENUM ('sad', 'glad');
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE a (id bigserial PRIMARY KEY, x int NOT NULL DEFAULT 1, y text, z mood);
CREATE TABLE b (id int UNIQUE, x int CHECK (x > 0), y text COLLATE "C", z mood);
CREATE TABLE p (id int NOT NULL, x int) PARTITION BY LIST (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
CREATE VIEW v AS SELECT id, x FROM a;
CREATE SEQUENCE s;
GRANT SELECT ON a TO app;
"""


class Change(NamedTuple):
    """A change, and what takes it back, perhaps."""

    up: str
    down: str


def _changes(table: str, column: str) -> Iterator[Change]:
    """Give the changes of a table and a column of it."""
    on = f"ALTER TABLE {table}"
    alter = f"{on} ALTER {column}"
    name = f"{table}_{column}"
    yield Change(f"{on} ADD n_{column} int DEFAULT 7", f"{on} DROP n_{column}")
    yield Change(f"{on} RENAME {column} TO r_{column}", f"{on} RENAME r_{column} TO {column}")
    yield Change(f"{alter} SET NOT NULL", f"{alter} DROP NOT NULL")
    yield Change(f"{alter} SET DEFAULT NULL", f"{alter} DROP DEFAULT")
    yield Change(f"{alter} SET STATISTICS 9", f"{alter} SET STATISTICS -1")
    yield Change(f"{alter} SET (n_distinct = 5)", f"{alter} RESET (n_distinct)")
    yield Change(f"CREATE INDEX i_{name} ON {table} ({column})", f"DROP INDEX i_{name}")
    yield Change(f"{on} ADD CONSTRAINT u UNIQUE ({column})", f"{on} DROP CONSTRAINT u")
    yield Change(
        f"{on} ADD CONSTRAINT c CHECK ({column} IS NOT NULL) NOT VALID", f"{on} DROP CONSTRAINT c"
    )
    yield Change(
        f"CREATE STATISTICS st_{name} ON {column}, id FROM {table}", f"DROP STATISTICS st_{name}"
    )
    yield Change(
        f"COMMENT ON COLUMN {table}.{column} IS 'c'", f"COMMENT ON COLUMN {table}.{column} IS NULL"
    )
    yield Change(
        f"GRANT UPDATE ({column}) ON {table} TO PUBLIC",
        f"REVOKE UPDATE ({column}) ON {table} FROM PUBLIC",
    )
    yield Change(f"{on} ENABLE ROW LEVEL SECURITY", f"{on} DISABLE ROW LEVEL SECURITY")
    yield Change(f"{on} FORCE ROW LEVEL SECURITY", f"{on} NO FORCE ROW LEVEL SECURITY")
    yield Change(
        f"CREATE POLICY o ON {table} USING ({column} IS NULL)", f"DROP POLICY o ON {table}"
    )
    yield Change(
        f"CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION note()",
        f"DROP TRIGGER t ON {table}",
    )
    yield Change(f"{on} DISABLE TRIGGER t", f"{on} ENABLE TRIGGER t")
    yield Change(
        f"CREATE RULE ru AS ON DELETE TO {table} DO ALSO NOTIFY n", f"DROP RULE ru ON {table}"
    )
    yield Change(f"{on} SET (fillfactor = 50)", f"{on} RESET (fillfactor)")
    yield Change(f"{on} REPLICA IDENTITY FULL", f"{on} REPLICA IDENTITY DEFAULT")
    yield Change(f"{on} OWNER TO app", f"{on} OWNER TO postgres")
    yield Change(
        f"GRANT INSERT ON {table} TO app WITH GRANT OPTION",
        f"REVOKE GRANT OPTION FOR INSERT ON {table} FROM app",
    )
    yield Change(f"REVOKE ALL ON {table} FROM app", f"GRANT SELECT ON {table} TO app")
    yield Change(f"DROP TABLE {table} CASCADE", f"CREATE TABLE {table} (id int, x int, y text)")


_OTHERS: Final = (
    Change("ALTER TYPE mood ADD VALUE 'mad'", "SELECT 1"),
    Change(
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
        "ALTER TYPE mood RENAME VALUE 'blue' TO 'sad'",
    ),
    Change("CREATE TYPE pair AS (a int, b text)", "DROP TYPE pair"),
    Change("ALTER TYPE pair ADD ATTRIBUTE c int", "ALTER TYPE pair DROP ATTRIBUTE c"),
    Change("CREATE DOMAIN d AS int CHECK (VALUE > 0)", "DROP DOMAIN d"),
    Change("ALTER DOMAIN d SET DEFAULT 7", "ALTER DOMAIN d DROP DEFAULT"),
    Change("CREATE FUNCTION f(i int) RETURNS int LANGUAGE sql AS 'SELECT i'", "DROP FUNCTION f"),
    Change("ALTER FUNCTION f STABLE", "ALTER FUNCTION f VOLATILE"),
    Change("ALTER FUNCTION f SET work_mem = 64", "ALTER FUNCTION f RESET work_mem"),
    Change("REVOKE EXECUTE ON FUNCTION f FROM PUBLIC", "GRANT EXECUTE ON FUNCTION f TO PUBLIC"),
    Change("CREATE AGGREGATE g (int) (sfunc = int4pl, stype = int)", "DROP AGGREGATE g (int)"),
    Change(
        "CREATE OR REPLACE VIEW v AS SELECT id, x FROM a WHERE x > 1",
        "CREATE OR REPLACE VIEW v AS SELECT id, x FROM a",
    ),
    Change("ALTER VIEW v SET (security_barrier)", "ALTER VIEW v RESET (security_barrier)"),
    Change("DROP VIEW v", "CREATE VIEW v AS SELECT id, x FROM a"),
    Change("ALTER SEQUENCE s INCREMENT 3", "ALTER SEQUENCE s INCREMENT 1"),
    Change("ALTER SEQUENCE s OWNED BY b.id", "ALTER SEQUENCE s OWNED BY NONE"),
    Change("CREATE SCHEMA n", "DROP SCHEMA n CASCADE"),
    Change("ALTER TABLE b SET SCHEMA n", "ALTER TABLE n.b SET SCHEMA public"),
    Change("GRANT USAGE ON SCHEMA n TO PUBLIC", "REVOKE USAGE ON SCHEMA n FROM PUBLIC"),
    Change("ALTER TABLE p DETACH PARTITION p1", "ALTER TABLE p ATTACH PARTITION p1 DEFAULT"),
    Change("CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)", "DROP TABLE p2"),
    Change(
        "ALTER TABLE b ADD CONSTRAINT fk FOREIGN KEY (x) REFERENCES a NOT VALID",
        "ALTER TABLE b DROP CONSTRAINT fk",
    ),
    Change("ALTER TABLE b VALIDATE CONSTRAINT fk", "SELECT 1"),
    Change(
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app",
        "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM app",
    ),
    Change(
        "CREATE OPERATOR === (function = int4eq, leftarg = int, rightarg = int)",
        "DROP OPERATOR === (int, int)",
    ),
    Change("CREATE PUBLICATION u FOR TABLE a", "DROP PUBLICATION u"),
    Change("ALTER PUBLICATION u ADD TABLE b", "ALTER PUBLICATION u DROP TABLE b"),
    Change("CREATE COLLATION k (locale = 'C')", "DROP COLLATION k"),
    Change("COMMENT ON TYPE mood IS 'c'", "COMMENT ON TYPE mood IS NULL"),
)
CHANGES: Final = (
    *(change for table in "ab" for column in "xyz" for change in _changes(table, column)),
    *_OTHERS * 5,
)
