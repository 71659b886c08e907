"""Another server answers than the one the run began on: a replica that took over, or a stranger."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.tools import Patience
from tests.postgres.harness import PASSWORD, Database, Project, attempt, eventually, make_spec
from tests.postgres.proxy import Proxy
from tests.postgres.servers import (
    SUPERUSER_PASSWORD,
    Server,
    running_replica,
    running_server,
)
from tests.postgres.test_crash import marks, three_files


class Replica:
    """A streaming replica of a database's server."""

    def __init__(self, primary: Database, server: Server) -> None:
        self._primary = primary
        self.server = server
        self.database = replace(primary, server=server)

    def fall_behind(self) -> None:
        """Receive everything up to now, and nothing more."""
        here = self._primary.scalar("SELECT pg_current_wal_flush_lsn()::text")
        reached = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        eventually(lambda: self.database.query(reached, here)[0][0], "the replica is here")
        self.database.query("ALTER SYSTEM SET primary_conninfo = ''", superuser=True)
        self.database.query("SELECT pg_reload_conf()", superuser=True)
        receiver = "SELECT 1 FROM pg_stat_wal_receiver"
        eventually(
            lambda: not self.database.query(receiver, superuser=True), "it receives nothing more"
        )

    def promote(self) -> None:
        """Make it the primary."""
        self.database.query("SELECT pg_promote()", superuser=True)


@pytest.fixture
def replica(database: Database) -> Iterator[Replica]:
    """Give a replica of the database's server."""
    with running_replica(database.server) as server:
        yield Replica(database, server)


def flush(database: Database) -> None:
    """Write the WAL out: these servers do not wait for it at each commit."""
    database.query("SET synchronous_commit = on; CREATE TEMPORARY TABLE flushed (x int)")


@pytest.mark.parametrize("lags_from", ["0", "1"])
def test_what_a_lagging_replica_does_not_have_is_applied_there_again(
    database: Database, project: Project, replica: Replica, lags_from: str
) -> None:
    """Fault 25: history and DDL are lost together, in one attempt of the run."""
    three_files(project)

    def fail_over(event: Event) -> None:
        if lags_from == "1" and (event.name, event.version) == (EventName.APPLIED, "1"):
            flush(database)
            replica.fall_behind()
        if (event.name, event.version) == (EventName.APPLIED, "2"):
            if replica.server.port == proxy.server_port:
                return
            replica.promote()
            proxy.lead_to(replica.server)

    if lags_from == "0":
        flush(database)
        replica.fall_behind()
    with Proxy(database) as proxy:
        done = attempt(database, make_spec(project), url=proxy.url, during=fail_over)
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.result.attempt, done.result.applied.count) == (1, 3)
    assert any("failed over to timeline 00000002" in m for m in done.messages(EventName.RECOVERING))
    assert replica.database.versions == ["1", "2", "3"]
    assert marks(replica.database) == ["one", "three", "two"]
    assert database.versions == ["1", "2"], "the old primary got nothing more"
    log = replica.database.log
    assert [version for event, version in log if event == "Applied"] == ["1", "2", "3"]
    assert [event for event, _ in log].count("Started") == 1


def test_a_commit_on_the_old_timeline_is_not_asked_for_on_the_new_one(
    database: Database, project: Project, replica: Replica
) -> None:
    """Its number means another transaction there: the history alone decides."""
    three_files(project)
    crashed = "DO $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); END $$;\n"
    database.query("CREATE TABLE here ()")
    only_here = "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON marks DEFERRABLE INITIALLY DEFERRED"
    assert crashed
    assert only_here

    def fail_over(event: Event) -> None:
        if (event.name, event.version) == (EventName.APPLYING, "2"):
            if replica.server.port == proxy.server_port:
                return
            flush(database)
            replica.fall_behind()
            replica.promote()
            proxy.lead_to(replica.server)

    with Proxy(database) as proxy:
        done = attempt(database, make_spec(project), url=proxy.url, during=fail_over)
    assert done.outcome is Outcome.SUCCEEDED
    assert replica.database.versions == ["1", "2", "3"]


def test_a_standby_is_waited_for_until_it_takes_over(
    database: Database, project: Project, replica: Replica
) -> None:
    """A switchover that is just going on."""
    three_files(project)

    def take_over(event: Event) -> None:
        if event.name is EventName.WAITING_FOR_SERVER:
            replica.promote()

    done = attempt(database, make_spec(project), url=replica.database.url, during=take_over)
    assert done.outcome is Outcome.SUCCEEDED
    assert "is a standby" in done.messages(EventName.WAITING_FOR_SERVER)[0]
    assert replica.database.versions == ["1", "2", "3"]
    assert not database.has_ledger


def test_a_standby_is_refused_in_the_end(
    database: Database, project: Project, replica: Replica
) -> None:
    """Fault 26: after a minute, which is shorter here; nothing is tried on it."""
    project.migration("1", "SELECT 1")
    spec = make_spec(project)
    patience = Patience(first_contact=0.3)
    done = attempt(database, spec, url=replica.database.url, patience=patience)
    assert (done.outcome, done.result.reason) == (Outcome.REFUSED, Reason.READ_ONLY_SERVER)


def test_a_standby_after_a_lost_connection_is_an_interruption(
    database: Database, project: Project, replica: Replica
) -> None:
    """Files are applied, so it is not Refused: the next attempt goes on at the primary."""
    three_files(project)
    spec = make_spec(project)
    done = mislead(database, spec_run(project, spec), replica.server)
    assert (done[0], done[1]) == (Outcome.INTERRUPTED, Reason.READ_ONLY_SERVER)
    again = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert again.outcome is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]
