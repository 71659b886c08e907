"""Statements of ours that need no answer travel with the next one that does."""

from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import psycopg
import pytest

from meshmigrate.domain.database_url import parse_database_url
from meshmigrate.domain.errors import Failure
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.script import Script, ScriptKind, Statement
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection, connect
from meshmigrate.engine.deferred import defer, send_waiting
from meshmigrate.engine.probe import probe
from meshmigrate.engine.statements import run_statements
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.test_command_line import apply

PATH = "SELECT pg_catalog.current_setting('search_path')"
OURS = ("pg_catalog, pg_temp",)


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    """Give a working connection."""
    with closing(connect(parse_database_url(database.url), uuid4())) as connection:
        yield connection


def test_the_result_is_that_of_the_statement_itself(connection: Connection) -> None:
    """With parameters or without, whatever goes in front."""
    defer(connection, b"SET lock_timeout = 7; SELECT 1, 2;")
    assert connection.execute("SHOW lock_timeout").fetchall() == [("7ms",)]
    defer(connection, b"SET lock_timeout = 8;")
    assert connection.execute("SELECT %s || current_setting('lock_timeout')", ["="]).fetchone() == (
        "=8ms",
    )


def test_a_connection_of_somebody_else_does_not_wait(database: Database) -> None:
    """It has no cursors that would send it."""
    with database.connect() as plain:
        defer(plain, b"SET lock_timeout = 7;")
        with plain.cursor() as cursor:
            assert cursor.execute("SHOW lock_timeout").fetchone() == ("7ms",)


def test_nothing_behind_a_deferred_statement_that_fails_is_run(
    database: Database, connection: Connection
) -> None:
    """Neither the statement nor the COMMIT at the end."""
    connection.execute("CREATE TABLE a (x int)")
    defer(connection, b"SELECT 1/0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("INSERT INTO a VALUES (1)")
    with pytest.raises(Failure), session.transaction(connection):
        defer(connection, b"INSERT INTO a VALUES (2); SELECT 1/0;")
    assert database.scalar("SELECT count(*) FROM a") == 0


def test_an_error_of_ours_in_front_of_a_script_is_not_the_scripts(connection: Connection) -> None:
    """It has no place in the file."""
    statement = Statement("SELECT 1", "SELECT", 0)
    defer(connection, b"SET lock_timeout = 1; SET no_such_setting = 2;")
    with pytest.raises(Failure) as error:
        run_statements(connection, Script(ScriptKind.MIGRATION, "a.sql", "SELECT 1"), (statement,))
    assert error.value.location is None


def test_a_reset_that_waits_survives_a_rollback(connection: Connection) -> None:
    """It is not a part of the transaction that begins in the same message."""
    server = probe(connection)
    for _ in range(2):  # the second one has less to do
        session.reset(connection, server)
        defer(connection, b"BEGIN;SET LOCAL search_path = public;")
        assert connection.execute(PATH).fetchone() == ("public",)
        connection.execute("ROLLBACK")
        assert connection.execute(PATH).fetchone() == OURS


def test_a_transaction_that_nothing_was_sent_in_is_not_begun(connection: Connection) -> None:
    """An error between is raised as it is, and the session goes on."""
    with pytest.raises(KeyError), session.transaction(connection):
        raise KeyError
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    send_waiting(connection)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_what_a_script_sets_is_taken_back_each_time(database: Database, project: Project) -> None:
    """Also where the session was known to be at its baseline before."""
    dirty = "SET search_path = ''; SET lock_timeout = '9s'; SET datestyle = 'German';"
    kept = "current_setting('search_path') || current_setting('datestyle')"
    for version in "1357":
        project.migration(version, dirty + "PREPARE p AS SELECT 1; CREATE TEMP TABLE t (x int);")
    for version in "2468":
        project.migration(version, f"CREATE TABLE public.a{version} AS SELECT {kept} AS found;")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    found = {database.scalar(f"TABLE a{version}") for version in "2468"}
    assert found == {'"$user", publicISO, MDY'}


def test_a_statement_of_a_script_is_what_others_see(database: Database, project: Project) -> None:
    """``pg_stat_activity`` shows 1,024 characters: what we send in front leaves room for it."""
    mine = "(SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid())"
    project.migration("1", f"CREATE TABLE a AS SELECT {mine} AS query;")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert "CREATE TABLE a AS" in database.scalar("TABLE a")


def test_a_process_with_nothing_to_do_does_not_load_the_parser(
    database: Database, project: Project
) -> None:
    """It takes a tenth of the time of such a process."""
    project.migration("1", "CREATE TABLE a (x int)")
    loaded = [apply(database, project.root, PYTHONPROFILEIMPORTTIME="1").stderr for _ in range(2)]
    assert ["postgast" in text for text in loaded] == [True, False]
    assert "google.protobuf" not in loaded[1]
