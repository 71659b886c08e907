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


def test_every_section_has_a_change_that_shows_in_it() -> None:
    """A section whose query finds nothing would go unnoticed otherwise."""
    assert {section for section, _ in CHANGES.values()} == set(SECTIONS)
