"""The server itself goes away: shut down, crashed, or one of its processes killed."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import EventName
from meshmigrate.engine.tools import Patience
from tests.postgres.harness import Attempt, Database, Project, attempt, eventually, make_spec
from tests.postgres.servers import SUPERUSER_PASSWORD, Server
from tests.postgres.test_crash import MARK, marks, three_files
from tests.postgres.test_step_crashes import is_waiting
from tests.postgres.test_steps import INDEX, TABLE, indexes

MODES = ["fast", "immediate"]
"""Faults 10 and 11."""


@pytest.fixture
def unsteady(server: Server) -> Iterator[Database]:
    """Give a database whose server may be stopped: nobody else is connected to it."""
    name = f"t{uuid4().hex[:12]}"
    administer(server, SQL("CREATE DATABASE {} OWNER app").format(Identifier(name)))
    try:
        yield Database(server, name, "app")
    finally:
        server.start()
        administer(server, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def administer(server: Server, statement: psycopg.sql.Composed) -> None:
    """Run a statement as the superuser, on a connection of its own."""
    with psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        dbname="postgres",
        user="postgres",
        password=SUPERUSER_PASSWORD,
        autocommit=True,
    ) as connection:
        connection.execute(statement)


def run_until(
    database: Database,
    project: Project,
    condition: Callable[[], object],
    fault: Callable[[], None],
) -> Attempt:
    """Run a project, and bring the fault upon it once the condition holds."""
    with ThreadPoolExecutor(1) as background:
        running: Future[Attempt] = background.submit(attempt, database, make_spec(project))
        eventually(condition, "is where it is to be hit")
        fault()
        return running.result()


def asleep(database: Database) -> int | None:
    """Give the process that sleeps in a migration."""
    query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = %s"
    return next((pid for (pid,) in database.query(query, database.name)), None)


def sleep_once(database: Database, project: Project) -> None:
    """Write three versions; the second one sleeps for long until somebody wakes the next try."""
    three_files(project)
    database.query("CREATE TABLE seconds (s int); INSERT INTO seconds VALUES (60)")
    slow = "INSERT INTO marks SELECT 'gate' FROM seconds WHERE pg_sleep(s) IS NOT NULL;\n"
    project.migration("2", slow + MARK.format("two"))


def let_next_try_through(database: Database) -> None:
    """Take the sleep away, for good."""
    keep_what_is_committed(database, "DELETE FROM seconds")


def keep_what_is_committed(database: Database, last: str = "CREATE TABLE kept ()") -> None:
    """Have it written, by a last change: in a crash, these servers may lose their last commits."""
    database.query(f"SET synchronous_commit = on; {last}")


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_is_restarted_mid_statement(
    unsteady: Database, project: Project, mode: str
) -> None:
    """Faults 10 and 11: rolled back by the server, tried until it is back, and applied once."""
    sleep_once(unsteady, project)

    def restart() -> None:
        let_next_try_through(unsteady)
        unsteady.server.stop(mode)
        unsteady.server.start()

    done = run_until(unsteady, project, lambda: asleep(unsteady), restart)
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.result.attempt, done.result.applied.count) == (1, 3)
    assert done.messages(EventName.CONNECTION_LOST)
    assert marks(unsteady) == ["one", "three", "two"]


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_is_restarted_while_a_rollback_script_runs(
    unsteady: Database, project: Project, mode: str
) -> None:
    """Faults 10 and 11 on the way back: it arrives in the same attempt, and that is proven."""
    three_files(project, third="SELECT 1 / 0")
    unsteady.query("CREATE TABLE seconds (s int); INSERT INTO seconds VALUES (60)")
    before = unsteady.dump()
    project.migration("2", MARK.format("two"), "SELECT FROM seconds WHERE pg_sleep(s) IS NOT NULL;")

    def restart() -> None:
        keep_what_is_committed(unsteady, "DELETE FROM seconds")
        unsteady.server.stop(mode)
        unsteady.server.start()

    done = run_until(unsteady, project, lambda: asleep(unsteady), restart)
    unsteady.query("INSERT INTO seconds VALUES (60)")
    assert done.outcome is Outcome.ROLLED_BACK, done.result.message
    assert (done.result.attempt, done.result.rolled_back.count) == (1, 2)
    assert done.result.reason == Reason.STATEMENT_FAILED
    assert done.result.failure is not None
    assert done.result.failure.sqlstate == "22012"
    proof = done.result.fingerprint
    assert proof is not None
    assert proof.before == proof.after == proof.expected
    assert done.messages(EventName.CONNECTION_LOST)
    assert (unsteady.dump(), unsteady.versions) == (before, [])


def test_one_backend_is_killed(unsteady: Database, project: Project) -> None:
    """Fault 13: the server ends every session to be safe; this one comes back."""
    sleep_once(unsteady, project)

    def kill() -> None:
        pid = asleep(unsteady)
        assert pid is not None
        let_next_try_through(unsteady)
        os.kill(pid, signal.SIGKILL)

    done = run_until(unsteady, project, lambda: asleep(unsteady), kill)
    assert done.outcome is Outcome.SUCCEEDED
    assert marks(unsteady) == ["one", "three", "two"]


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_is_stopped_while_an_index_is_built(
    unsteady: Database, project: Project, mode: str
) -> None:
    """Fault 12: what is left INVALID is dropped, and the index is built."""
    unsteady.query(TABLE)
    project.migration("1", INDEX)
    with closing(unsteady.connect()) as writer:
        writer.execute("BEGIN; INSERT INTO t VALUES (1)")

        def crash() -> None:
            keep_what_is_committed(unsteady)
            unsteady.server.stop(mode)
            unsteady.server.start()

        waiting = lambda: is_waiting(unsteady, "CREATE INDEX")  # noqa: E731  short and used once
        done = run_until(unsteady, project, waiting, crash)
    assert done.outcome is Outcome.SUCCEEDED
    assert indexes(unsteady) == {"i": True}


def test_a_server_that_is_stopped_between_files(unsteady: Database, project: Project) -> None:
    """Nothing was under way: it goes on with the next file when the server is back."""
    three_files(project)

    def restart(event_name: EventName, version: str) -> None:
        if (event_name, version) == (EventName.APPLIED, "1"):
            unsteady.server.stop("fast")
            unsteady.server.start()

    done = attempt(
        unsteady, make_spec(project), during=lambda event: restart(event.name, event.version)
    )
    assert done.outcome is Outcome.SUCCEEDED
    assert unsteady.versions == ["1", "2", "3"]


def test_a_server_without_room_is_waited_for_at_first_contact(
    database: Database, project: Project
) -> None:
    """Fault 28: 53300 is tried again for a minute, and passes when somebody leaves."""
    project.migration("1", "SELECT 1")
    database.query(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 0', superuser=True)

    def make_room(name: EventName) -> None:
        if name is EventName.WAITING_FOR_SERVER:
            database.query(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 9', superuser=True)

    done = attempt(database, make_spec(project), during=lambda event: make_room(event.name))
    assert done.outcome is Outcome.SUCCEEDED
    assert "too many connections" in done.messages(EventName.WAITING_FOR_SERVER)[0]


def test_a_server_without_room_is_unreachable_in_the_end(
    database: Database, project: Project
) -> None:
    """Fault 28: worth another attempt, later."""
    project.migration("1", "SELECT 1")
    database.query(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 0', superuser=True)
    done = attempt(database, make_spec(project), patience=Patience(first_contact=0.3))
    assert done.outcome is Outcome.UNREACHABLE


def test_a_wrong_password_fails_at_once(database: Database, project: Project) -> None:
    """Fault 28: 28P01 at first contact is not waited for."""
    project.migration("1", "SELECT 1")
    done = attempt(database, make_spec(project), url=database.url_with("wrong"))
    assert (done.outcome, done.result.reason) == (Outcome.REFUSED, Reason.AUTHENTICATION_FAILED)
    assert done.messages(EventName.WAITING_FOR_SERVER) == []


def test_a_server_that_only_reads_is_waited_for(database: Database, project: Project) -> None:
    """A switchover takes seconds: what is read-only now may be the primary then."""
    project.migration("1", "SELECT 1")
    setting = f'ALTER DATABASE "{database.name}" SET default_transaction_read_only'
    database.query(f"{setting} = on", superuser=True)

    def switch(name: EventName) -> None:
        if name is EventName.WAITING_FOR_SERVER:
            with database.connect(superuser=True) as connection:
                connection.execute("SET default_transaction_read_only = off")
                connection.execute(f"{setting} = off".encode())

    done = attempt(database, make_spec(project), during=lambda event: switch(event.name))
    assert done.outcome is Outcome.SUCCEEDED
    assert len(done.messages(EventName.WAITING_FOR_SERVER)) == 1


def test_a_server_that_only_reads_is_refused_in_the_end(
    database: Database, project: Project
) -> None:
    """Fault 26: after a minute, which is shorter here."""
    project.migration("1", "SELECT 1")
    database.query(
        f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = on', superuser=True
    )
    done = attempt(database, make_spec(project), patience=Patience(first_contact=0.3))
    assert (done.outcome, done.result.reason) == (Outcome.REFUSED, Reason.READ_ONLY_SERVER)
