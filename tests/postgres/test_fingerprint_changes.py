"""The fingerprint shows every change of the schema, with its section and object."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import TupleRow

from meshmigrate.domain.runspec import FingerprintScope
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint
from meshmigrate.engine.fingerprint.sections import SECTIONS
from tests.postgres.fingerprint_changes import CHANGES, SCHEMA, SUPERUSERS_SCHEMA
from tests.postgres.harness import Database
from tests.postgres.servers import Server

pytestmark = pytest.mark.every_version

NOTHING = [
    "INSERT INTO users (name) VALUES ('ann')",
    "SELECT nextval('users_id_seq')",
    "GRANT SELECT ON users TO PUBLIC; REVOKE SELECT ON users FROM PUBLIC",
    "REVOKE ALL ON users FROM postgres; GRANT ALL ON users TO postgres",
    "ALTER TABLE users DROP COLUMN age; ALTER TABLE users ADD COLUMN age int CHECK (age > 0)",
    "CREATE TEMP TABLE t (x int); DROP TABLE t; CREATE TEMP TABLE u (x int)",
    (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; "
        "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC"
    ),
    "GRANT SELECT (name) ON users TO PUBLIC; REVOKE SELECT (name) ON users FROM PUBLIC",
    "COMMENT ON TABLE users IS 'x'; COMMENT ON TABLE users IS NULL",
    "ALTER TABLE users RENAME TO people; ALTER TABLE people RENAME TO users",
    (
        "ALTER TABLE parts DETACH PARTITION parts_2026; "
        "ALTER TABLE parts ATTACH PARTITION parts_2026 "
        "FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')"
    ),
    "DROP VIEW names; CREATE VIEW names AS SELECT name FROM users",
    "ALTER TABLE users DISABLE TRIGGER t; ALTER TABLE users ENABLE TRIGGER t",
    "ALTER TABLE users ALTER name SET STATISTICS 7; ALTER TABLE users ALTER name SET STATISTICS -1",
    "REFRESH MATERIALIZED VIEW ids",
    "REINDEX TABLE users",
    "SELECT lo_create(0)",
    "ANALYZE users",
    "VACUUM FULL users",
]
"""What leaves the schema as it was."""

FIRST = {
    "CREATE TABLE t (x int PRIMARY KEY)": (
        "relations",
        "columns",
        "constraints",
        "indexes",
        "grants",
    ),
    "CREATE DOMAIN d AS int CHECK (VALUE > 0)": ("types", "constraints"),
    "CREATE TYPE c AS (x int)": ("types", "columns"),
    "CREATE SEQUENCE s": ("relations", "sequences"),
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'": ("functions",),
    "CREATE VIEW v AS SELECT 1 AS x": ("views", "columns"),
    "CREATE TABLE t (x int); CREATE RULE r AS ON DELETE TO t DO NOTHING": ("rules",),
    "CREATE TABLE t (x int); CREATE POLICY p ON t": ("policies",),
    "CREATE TABLE t (x int, y int); CREATE STATISTICS s ON x, y FROM t": ("statistics",),
    "CREATE TABLE t (x int PRIMARY KEY, y int REFERENCES t); ALTER TABLE t DISABLE TRIGGER ALL": (
        "triggers",
    ),
    "CREATE TABLE t (x int); CREATE TRIGGER i BEFORE INSERT ON t FOR EACH ROW "
    "EXECUTE FUNCTION suppress_redundant_updates_trigger()": ("triggers",),
    "CREATE OPERATOR === (function = int4eq, leftarg = int, rightarg = int)": ("operators",),
    "CREATE OPERATOR FAMILY f USING btree": ("operators",),
    "CREATE CAST (int AS point) WITH INOUT": ("casts",),
    "CREATE CONVERSION v FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1": ("casts",),
    "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))": (
        "casts",
    ),
    "CREATE COLLATION posix (locale = 'C', provider = libc)": ("collations",),
    "CREATE TEXT SEARCH CONFIGURATION plain (COPY = simple)": ("text_search",),
    "CREATE TEXT SEARCH DICTIONARY words (TEMPLATE = simple)": ("text_search",),
    "CREATE TEXT SEARCH TEMPLATE t (LEXIZE = dsimple_lexize)": ("text_search",),
    "CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, "
    "END = prsd_end, LEXTYPES = prsd_lextype)": ("text_search",),
    "CREATE FOREIGN DATA WRAPPER w": ("foreign_data", "grants"),
    "CREATE PUBLICATION feed": ("replication",),
    "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p WITH (connect = false)": ("replication",),
    "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; "
    "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()": ("event_triggers",),
    "CREATE LANGUAGE l HANDLER plpgsql_call_handler": ("languages",),
    "CREATE ACCESS METHOD m TYPE INDEX HANDLER bthandler": ("languages",),
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC": ("default_privileges",),
    "CREATE TABLE t (x int); COMMENT ON COLUMN t.x IS 'x'": ("comments",),
    "CREATE TYPE e AS ENUM (); COMMENT ON TYPE e IS 'x'": ("types", "comments"),
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMENT ON FUNCTION f() IS 'x'": (
        "comments",
    ),
    "SET LOCAL allow_system_table_mods = on; INSERT INTO pg_seclabel VALUES "
    "('public'::regnamespace, 'pg_namespace'::regclass, 0, 'p', 'secret')": ("security_labels",),
    "SET LOCAL allow_system_table_mods = on; INSERT INTO pg_shseclabel VALUES "
    "((SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_database'::regclass, "
    "'p', 'secret')": ("security_labels",),
}
"""The first object of its kind, and the sections that show it."""

Connection = psycopg.Connection[TupleRow]


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    """Give a superuser's connection to a database with the schema."""
    name = f"t{uuid4().hex[:12]}"
    any_database = Database(server, "postgres", "app")
    any_database.query(f"CREATE DATABASE {name}", superuser=True)
    with Database(server, name, "app").connect(superuser=True) as connection:
        connection.execute((SCHEMA + SUPERUSERS_SCHEMA).encode())
        yield connection
    any_database.query(f"DROP DATABASE {name} WITH (FORCE)", superuser=True)


@pytest.fixture(scope="module")
def before(connection: Connection) -> Fingerprint:
    """Give the fingerprint of the schema."""
    return catalog.take(connection)


def test_the_first_object_of_each_kind_is_shown(database: Database) -> None:
    """What a database has nothing of is not asked for: that must not hide the first one."""
    with database.connect(superuser=True) as connection:
        connection.execute("COMMENT ON SCHEMA public IS NULL")
        before = catalog.take(connection)
        for statements, sections in FIRST.items():
            with connection.transaction(force_rollback=True):
                connection.execute(statements.encode())
                connection.execute("SET LOCAL search_path = ''")
                after = catalog.read(connection, FingerprintScope())
            found = {difference.section for difference in before.differences(after)}
            assert set(sections) <= found, statements


def test_the_first_object_that_is_tried_covers_every_section() -> None:
    """But those that are never empty."""
    tried = {section for sections in FIRST.values() for section in sections}
    assert set(SECTIONS) - tried == {"schemas", "extensions", "settings"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_shown_with_its_section_and_object(
    connection: Connection, before: Fingerprint, change: str
) -> None:
    """Whatever a rollback script may forget or invent, read in the transaction that made it."""
    with connection.transaction(force_rollback=True):
        connection.execute(change.encode())
        connection.execute("SET LOCAL search_path = ''")
        after = catalog.read(connection, FingerprintScope())
    found = {(difference.section, difference.object) for difference in before.differences(after)}
    assert CHANGES[change] in found
    assert before.digest != after.digest


@pytest.mark.parametrize("change", NOTHING)
def test_what_is_no_change_of_the_schema_is_not_shown(
    connection: Connection, before: Fingerprint, change: str
) -> None:
    """Data, positions, statistics, and what came and went."""
    for statement in change.split("; "):
        connection.execute(statement.encode())
    after = catalog.take(connection)
    assert list(before.differences(after)) == []
    assert before.digest == after.digest


def test_every_section_has_a_change_that_shows_in_it() -> None:
    """A section whose query finds nothing would go unnoticed otherwise."""
    assert {section for section, _ in CHANGES.values()} == set(SECTIONS)
