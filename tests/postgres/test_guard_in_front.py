"""The guard travels in front of a script: where it finds anything wrong, the script is not run."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from uuid import uuid4

import pytest
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.database_url import parse_database_url
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Statement
from meshmigrate.domain.table_lock import LockMode, TableLock
from meshmigrate.engine import session
from meshmigrate.engine.batches import send_batch
from meshmigrate.engine.connect import connect
from meshmigrate.engine.deferred import PREPARED, WorkingConnection
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.lock import LOCK_KEY
from meshmigrate.engine.other_holders import commit_and_look, others_hold
from meshmigrate.engine.probe import probe
from tests.postgres.cutting import PER_FILE
from tests.postgres.harness import Database, Project, attempt, make_spec

TRACE = "SELECT nextval('trace'); CREATE TABLE b (x int);"
"""A sequence does not go back with a transaction: it tells whether the statement was run."""
FIRST = "CREATE SEQUENCE trace; CREATE TABLE a (x int);"
OVERTAKE = "UPDATE meshmigrate.lease SET epoch = epoch + 1, holder = gen_random_uuid()"
UNLOCK = """
CREATE FUNCTION unlock() RETURNS void LANGUAGE plpgsql AS
$$ BEGIN EXECUTE 'SELECT pg_advisory_' || 'unlock_all()'; END $$;
SELECT unlock();
"""
READS_A = [TableLock("", "a", LockMode.ACCESS_SHARE)]
ALTERS_A = [TableLock("", "a", LockMode.ACCESS_EXCLUSIVE)]


@pytest.fixture
def connection(database: Database) -> Iterator[WorkingConnection]:
    """Give a working connection at its baseline, and a table."""
    database.query("CREATE TABLE a (x int)")
    with closing(connect(parse_database_url(database.url), uuid4())) as connection:
        assert isinstance(connection, WorkingConnection)
        session.reset(connection, probe(connection))
        yield connection


def when_applied(version: str, act: Callable[[], object]) -> Callable[[Event], None]:
    """Do something between this file and the next one."""

    def during(event: Event) -> None:
        if (event.name, event.version) == (EventName.APPLIED, version):
            act()

    return during


def is_untouched(database: Database) -> bool:
    """Tell whether no statement of the second file was run."""
    return database.scalar("SELECT NOT is_called FROM trace") is True


def test_who_was_overtaken_runs_no_statement_of_the_next_file(
    database: Database, project: Project
) -> None:
    """The lease names another holder: not even what a rollback would leave has happened."""
    project.migration("1", FIRST).migration("2", TRACE)
    overtake = when_applied("1", lambda: database.query(OVERTAKE))
    done = attempt(database, make_spec(project, policy=PER_FILE), during=overtake)
    assert (done.outcome, done.result.reason) == (Outcome.INTERRUPTED, Reason.FENCED)
    assert is_untouched(database)
    assert database.versions == ["1"]


def test_a_lock_that_a_script_gave_back_ends_the_run_before_the_next_file(
    database: Database, project: Project
) -> None:
    """A function hides it from the parse tree; the guard of the next file sees it."""
    project.migration("1", FIRST + UNLOCK).migration("2", TRACE)
    done = attempt(database, make_spec(project, policy=PER_FILE))
    assert (done.outcome, done.result.reason) == (Outcome.INTERRUPTED, Reason.FENCED)
    assert is_untouched(database)
    assert database.versions == ["1"]


def test_a_failing_file_keeps_the_next_one_from_being_run(
    database: Database, project: Project
) -> None:
    """Its error has its place, although the guard and our settings stand in front of it."""
    project.migration("1", FIRST).migration("2", "\n  SELECT naïve;").migration("3", TRACE)
    done = attempt(database, make_spec(project, policy=PER_FILE))
    failure = done.result.failure
    assert failure is not None
    assert (failure.version, failure.line, failure.column) == ("2", 2, 10)
    assert is_untouched(database)


def test_what_functions_and_blocks_set_does_not_reach_the_next_file(
    database: Database, project: Project
) -> None:
    """No parse tree tells what they set."""
    project.migration(
        "1",
        "CREATE FUNCTION dirty() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "PERFORM set_config('search_path', 'pg_temp', false); "
        "PERFORM set_config('datestyle', 'German', false); RETURN NEW; END $$;"
        "CREATE TABLE a (x int);"
        "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION dirty();",
    )
    found = "current_setting('search_path') || current_setting('datestyle')"
    project.migration("2", "INSERT INTO a VALUES (1)")
    project.migration("3", f"CREATE TABLE b3 AS SELECT {found} AS found")
    project.migration("4", "DO $$ BEGIN SET search_path = ''; SET datestyle = 'SQL'; END $$")
    project.migration("5", f"CREATE TABLE b5 AS SELECT {found} AS found")
    assert attempt(database, make_spec(project, policy=PER_FILE)).outcome is Outcome.SUCCEEDED
    assert {database.scalar(f"TABLE b{one}") for one in "35"} == {'"$user", publicISO, MDY'}


def test_a_look_behind_the_commit_holds_for_a_moment(
    database: Database, connection: WorkingConnection
) -> None:
    """Somebody who came after it is found when it has become old."""
    assert not others_hold(connection, ALTERS_A)
    with session.transaction(connection, commit_and_look):
        connection.execute("INSERT INTO public.a VALUES (1)")
    assert database.scalar("SELECT count(*) FROM a") == 1
    seen = connection.sight
    assert seen is not None
    with database.connect() as other:
        other.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
        connection.sight = replace(seen, at=math.inf)
        assert not others_hold(connection, ALTERS_A)
        connection.sight = replace(seen, at=-math.inf)
        assert others_hold(connection, ALTERS_A)
        other.execute("ROLLBACK")


def test_a_look_behind_the_commit_sees_others_and_our_own_lock(
    database: Database, connection: WorkingConnection
) -> None:
    """What conflicts with nothing of theirs need not be asked again."""
    others_hold(connection, ALTERS_A)
    for holds_lock in (False, True):
        with database.connect() as other:
            other.execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE")
            with session.transaction(connection, commit_and_look):
                connection.execute("INSERT INTO public.a VALUES (1)")
            assert connection.sight is not None
            assert connection.sight.modes == {"AccessShareLock"}
            assert connection.sight.holds_lock is holds_lock
            assert not others_hold(connection, READS_A)
            other.execute("ROLLBACK")
        connection.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])


def test_a_look_that_fails_takes_nothing_back(
    database: Database, connection: WorkingConnection
) -> None:
    """The COMMIT in front of it was answered: a stop may cancel what comes behind it."""
    others_hold(connection, ALTERS_A)
    (name,) = connection.prepared.names.values()
    fails = SQL("DEALLOCATE {name}; PREPARE {name} AS SELECT 1 / (0 * x) FROM public.a")
    connection.execute(fails.format(name=Identifier(name)))
    with session.transaction(connection, commit_and_look):
        connection.execute("INSERT INTO public.a VALUES (1)")
    assert database.scalar("SELECT count(*) FROM a") == 1
    assert connection.sight is None
    assert [row[0] for row in connection.execute(PREPARED)] == [name]


def test_what_needs_no_answer_is_done_while_the_server_works(
    connection: WorkingConnection,
) -> None:
    """Once, for the next message alone, when that has been sent."""
    seen: list[int] = []
    connection.meanwhile = lambda: seen.append(connection.info.transaction_status)
    for _ in range(2):
        send_batch(connection, [Statement("SELECT 1", "SELECT", 0)], "utf-8")
    assert seen == [TransactionStatus.ACTIVE]
