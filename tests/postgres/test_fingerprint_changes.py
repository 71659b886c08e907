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
