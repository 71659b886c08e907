"""The fingerprint: what it shows, and what it must not show."""

from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Difference, Fingerprint
from tests.postgres.fingerprint_changes import SCHEMA, SUPERUSERS_SCHEMA
from tests.postgres.harness import Database

pytestmark = pytest.mark.every_version


def take(database: Database) -> Fingerprint:
    """Take the fingerprint as the owner."""
    with database.connect() as connection:
        return catalog.take(connection)


def test_an_invalid_index_is_not_a_valid_one(database: Database) -> None:
    """pg_dump would not show it at all."""
    database.query(SCHEMA)
    before = take(database)
    database.query(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_name'::regclass",
        superuser=True,
    )
    (difference,) = before.differences(take(database))
    assert difference.object == "public.users_name"
    assert difference.after.endswith("(invalid)")


def test_two_roles_read_the_same(database: Database) -> None:
    """Names are written in full, and a role without any privilege sees what a superuser does."""
    database.query(SCHEMA + SUPERUSERS_SCHEMA, superuser=True)
    database.query(
        "CREATE USER MAPPING FOR app SERVER far OPTIONS (password 'geheim'); "
        "CREATE SUBSCRIPTION s CONNECTION 'password=geheim' PUBLICATION p WITH (connect = false); "
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        superuser=True,
    )
    with database.connect(superuser=True) as connection:
        connection.execute("SET search_path = public; SET timezone = 'Asia/Kathmandu'")
        read = catalog.take(connection)
    assert list(read.differences(take(database))) == []
    assert read.digest == take(database).digest
    assert "geheim" not in str(read)
    database.query(
        "ALTER SUBSCRIPTION s SET (slot_name = NONE); DROP SUBSCRIPTION s", superuser=True
    )


def test_the_order_of_columns_is_a_note_and_no_difference(database: Database) -> None:
    """A column that was dropped and added again stands at the end."""
    database.query("CREATE TABLE t (a int, b int, c int); CREATE TABLE u (a int)")
    before = take(database)
    database.query("ALTER TABLE t DROP b; ALTER TABLE t ADD b int; ALTER TABLE u ADD b int")
    after = take(database)
    assert before.reordered(after) == ("public.t",)
    assert [found.object for found in before.differences(after)] == ["public.u.b"]


def test_an_object_that_is_dropped_while_it_is_read_is_no_error(database: Database) -> None:
    """The server's functions look at the catalog as it is, the snapshot as it was."""
    database.query("CREATE TABLE gone (x int PRIMARY KEY); CREATE TABLE stays (x int)")
    statements = tries = 0

    class Interfering(psycopg.Connection[TupleRow]):
        def execute(self, *arguments: Any, **others: Any) -> psycopg.Cursor[TupleRow]:
            nonlocal statements, tries
            statements += 1
            tries += str(arguments[0]).startswith("BEGIN")
            done = super().execute(*arguments, **others)
            if statements == 3:
                database.query("DROP TABLE gone")
            return done

    with Interfering.connect(database.url, autocommit=True) as connection:
        read = catalog.take(connection)
    assert list(read.sections["relations"]) == ["public.stays"]
    assert tries > 1


def test_the_sections_add_up(database: Database) -> None:
    """Only the digests of sections that differ differ."""
    database.query(SCHEMA)
    before = take(database)
    database.query("COMMENT ON TABLE users IS 'x'")
    after = take(database)
    differing = {
        name
        for name, digest in before.section_digests.items()
        if digest != after.section_digests[name]
    }
    assert differing == {"comments"}


def test_a_difference_reads_as_a_sentence() -> None:
    """Missing, new and changed objects are told apart, each on one line."""
    assert str(Difference("views", "v", "SELECT\n 1", "")) == (
        "views: v is missing; it was: SELECT 1"
    )
    assert str(Difference("views", "v", "", "SELECT 1")) == (
        "views: v was not there before; it is: SELECT 1"
    )
    assert str(Difference("views", "v", "a", "b")) == "views: v was: a; it is: b"
