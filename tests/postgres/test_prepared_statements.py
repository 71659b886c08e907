"""The statements that the ledger has prepared stay its own, whatever a script does to them."""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import pytest

from meshmigrate.domain.database_url import parse_database_url
from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import Policy
from meshmigrate.domain.script import Script, ScriptKind, Statement
from meshmigrate.engine import script_left, session
from meshmigrate.engine.connect import connect
from meshmigrate.engine.deferred import WorkingConnection, prepare
from meshmigrate.engine.probe import probe
from meshmigrate.engine.statements import SETTLE, End, run_statements
from tests.postgres.cutting import PER_FILE
from tests.postgres.harness import Database, Project, attempt, make_spec

REPLACE = """
DO $$
DECLARE
    names text[] := array(SELECT name FROM pg_prepared_statements);
    each text;
BEGIN
    FOREACH each IN ARRAY names LOOP
        EXECUTE format('DEALLOCATE %I', each);
        {then}
    END LOOP;
    CREATE TABLE a{version} AS SELECT cardinality(names) AS n;
END $$;
"""

BATCH = Policy(transaction_mode="Batch")


@pytest.fixture
def connection(database: Database) -> Iterator[WorkingConnection]:
    """Give a working connection at its baseline."""
    with closing(connect(parse_database_url(database.url), uuid4())) as connection:
        assert isinstance(connection, WorkingConnection)
        session.reset(connection, probe(connection))
        yield connection


@pytest.mark.parametrize("then", ["EXECUTE format('PREPARE %I AS SELECT 1', each);", "NULL;"])
@pytest.mark.parametrize("policy", [PER_FILE, BATCH], ids=["PerFile", "Batch"])
def test_a_script_cannot_replace_or_remove_them_unnoticed(
    database: Database, project: Project, then: str, policy: Policy
) -> None:
    """Each of the files has its rows, and the chain of the log is whole."""
    for version in "123":
        project.migration(version, REPLACE.format(version=version, then=then))
    assert attempt(database, make_spec(project, policy=policy)).outcome is Outcome.SUCCEEDED
    # In a batch the first one takes all there are, and the rows are written behind the last.
    found = [database.scalar(f"TABLE a{version}") > 0 for version in "123"]
    assert found == [True, policy is PER_FILE, policy is PER_FILE]
    assert database.scalar("SELECT count(*) FROM meshmigrate.applied") == 3
    applied = "SELECT count(*) FROM meshmigrate.log WHERE event = 'Applied' AND version IS NOT NULL"
    assert database.scalar(applied) == 3


def test_what_a_script_prepares_is_gone_in_the_next_file(
    database: Database, project: Project
) -> None:
    """So that the same name is free again."""
    for version in "12":
        project.migration(version, f"PREPARE p AS SELECT 1; CREATE TABLE a{version} (x int);")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def test_they_last_as_long_as_no_script_touches_them(connection: WorkingConnection) -> None:
    """Prepared once; a script that prepares something makes all of it go."""
    server = probe(connection)
    name = prepare(connection, b"SELECT 7")
    session.enter_script(connection, server)
    script_left.leave(connection, server)
    session.reset(connection, server)
    assert prepare(connection, b"SELECT 7") == name
    session.enter_script(connection, server)
    connection.execute("PREPARE mine AS SELECT 8")
    script_left.leave(connection, server)
    assert prepare(connection, b"SELECT 7") != name
    found = connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert found == (1,)


def test_behind_the_last_statement_an_error_of_the_script_is_told_from_ours(
    connection: WorkingConnection,
) -> None:
    """A deferred constraint is the file's; what comes after it has no place in the file."""
    connection.execute("CREATE TABLE public.a (x int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    text = "INSERT INTO public.a VALUES (1), (1)"
    script = Script(ScriptKind.MIGRATION, "a.sql", text)
    twice = (Statement(text, "INSERT", 0),)
    end, places = End(b"SET LOCAL lock_timeout = 7;", SETTLE, b"SELECT 1/0"), []
    for statements in (twice, (Statement("SELECT 1", "SELECT", 0),)):
        connection.execute("BEGIN")
        with pytest.raises(MigrationError) as caught:
            run_statements(connection, script, statements, end=lambda: end)
        connection.execute("ROLLBACK")
        places.append(str(caught.value.location))
    assert places == ["a.sql", "None"]
