"""Fingerprint and pg_dump agree about whether two schemas are the same.

Blind spots of pg_dump that the changes here avoid: INVALID indexes, internal triggers that are
disabled, the population of materialized views, whether a column is its table's own or inherited,
and settings of the database. Blind on purpose is the fingerprint to the order of columns, so the
lines of a dump are compared without theirs.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Final
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import TupleRow

from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint
from tests.postgres.harness import Database
from tests.postgres.programs import clients
from tests.postgres.schema_changes import CHANGES, SCHEMA, Change
from tests.postgres.servers import SUPERUSER_PASSWORD, Server

pytestmark = pytest.mark.every_version

_EXAMPLES: Final = {"18": 200}
_EXAMPLES_ELSEWHERE: Final = 40


@dataclass(frozen=True)
class Template:
    """A database to copy, and what it reads as."""

    database: Database
    look: "Look"


@dataclass(frozen=True)
class Look:
    """What a schema reads as, by both."""

    fingerprint: Fingerprint
    dump: tuple[str, ...]

    def same(self, other: "Look") -> bool:
        """Tell whether both are the same; fail where they disagree."""
        differences = list(self.fingerprint.differences(other.fingerprint))
        lines = set(self.dump) ^ set(other.dump)
        assert bool(differences) == (self.dump != other.dump), (differences, lines)
        return not differences


@contextmanager
def copy(server: Server, template: str) -> Iterator[Database]:
    """Give a copy of a database."""
    name = f"t{uuid4().hex[:12]}"
    any_database = Database(server, "postgres", "app")
    any_database.query(f"CREATE DATABASE {name} TEMPLATE {template}", superuser=True)
    yield Database(server, name, "app")
    any_database.query(f"DROP DATABASE {name} WITH (FORCE)", superuser=True)


@pytest.fixture(scope="module")
def template(server: Server) -> Iterator[Template]:
    """Give the database with the schema."""
    with copy(server, "template0") as database:
        database.query(SCHEMA, superuser=True)
        yield Template(database, look(database))


def look(database: Database) -> Look:
    """Read the schema both ways."""
    place = f"host=127.0.0.1 port={database.server.port} user=postgres dbname={database.name}"
    with subprocess.Popen(
        [str(clients() / "pg_dump"), "--schema-only", f"--dbname={place}"],
        env=os.environ | {"PGPASSWORD": SUPERUSER_PASSWORD},
        stdout=subprocess.PIPE,
        text=True,
    ) as dump:
        with database.connect(superuser=True) as connection:
            fingerprint = catalog.take(connection)
        dumped, _ = dump.communicate()
    assert dump.returncode == 0
    noise = ("--", "\\restrict", "\\unrestrict")
    lines = (line.strip().rstrip(",") for line in dumped.splitlines())
    return Look(fingerprint, tuple(sorted(line for line in lines if not line.startswith(noise))))


def test_fingerprint_and_dump_agree(template: Template) -> None:
    """After random changes, and after some or all of them were taken back in reverse."""
    examples = _EXAMPLES.get(template.database.server.version, _EXAMPLES_ELSEWHERE)

    @given(
        picked=st.lists(st.tuples(st.sampled_from(CHANGES), st.booleans()), max_size=8),
        all_=st.booleans(),
    )
    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    def agree(picked: list[tuple[Change, bool]], all_: bool) -> None:
        compare(template, picked, all_=all_)

    agree()


def compare(template: Template, picked: list[tuple[Change, bool]], *, all_: bool) -> None:
    """Change a copy, take some of it back, and compare what it reads as at each point."""
    looks = [template.look]
    with copy(template.database.server, template.database.name) as database:
        with database.connect(superuser=True) as connection:
            changed = [(each, undone) for each, undone in picked if succeeds(connection, each.up)]
            if changed:
                looks.append(look(database))
            done = [change for change, undone in changed if undone or all_]
            taken_back = [succeeds(connection, change.down) for change in reversed(done)]
        if any(taken_back):
            looks.append(look(database))
    for one, other in combinations(looks, 2):
        one.same(other)


def succeeds(connection: psycopg.Connection[TupleRow], statement: str) -> bool:
    """Run a statement that may not fit the schema as it is."""
    try:
        connection.execute(statement.encode())
    except psycopg.Error:
        return False
    return True
