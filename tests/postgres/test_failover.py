"""Another server answers than the one the run began on: a replica that took over, or a stranger."""

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.tools import Patience
from tests.postgres.harness import (
    PASSWORD,
    Attempt,
    Database,
    Project,
    attempt,
    eventually,
    make_spec,
)
from tests.postgres.proxy import COMMIT, Fault, Proxy
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
    fault = Fault(COMMIT, after=b"VALUES ('two')")

    def fail_over(event: Event) -> None:
        if event.name is EventName.CONNECTION_LOST:
            replica.promote()
            proxy.lead_to(replica.server)

    flush(database)
    replica.fall_behind()
    with Proxy(database) as proxy:
        proxy.fault = fault
        done = attempt(database, make_spec(project), url=proxy.url, during=fail_over)
    assert done.outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]
    assert replica.database.versions == ["1", "2", "3"]
    assert not any("COMMIT" in message for message in done.messages(EventName.RECOVERING))


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
    done = misled(database, spec, replica.server, Patience(first_contact=0.3))
    assert (done.outcome, done.result.reason) == (Outcome.INTERRUPTED, Reason.READ_ONLY_SERVER)
    again = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert again.outcome is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]


def test_another_cluster_behind_the_url_is_not_written_to(
    database: Database, project: Project
) -> None:
    """Its system identifier is another one: Interrupted, and nothing of ours is there."""
    three_files(project)
    spec = make_spec(project)
    with running_server(database.server.version) as server:
        make_namesake(database, server)
        done = misled(database, spec, server, Patience())
        assert not replace(database, server=server).has_ledger
    assert (done.outcome, done.result.reason) == (Outcome.INTERRUPTED, Reason.ANOTHER_DATABASE)
    assert done.result.database is None
    again = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert again.outcome is Outcome.SUCCEEDED


def misled(database: Database, spec: RunSpec, server: Server, patience: Patience) -> Attempt:
    """Run a spec whose URL leads to another server once version 1 is applied."""

    def mislead(event: Event) -> None:
        if (event.name, event.version) == (EventName.APPLIED, "1"):
            proxy.lead_to(server)

    with Proxy(database) as proxy:
        return attempt(database, spec, url=proxy.url, during=mislead, patience=patience)


def make_namesake(database: Database, server: Server) -> None:
    """Make a database and a role of the same names on another server."""
    with psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        dbname="postgres",
        user="postgres",
        password=SUPERUSER_PASSWORD,
        autocommit=True,
    ) as connection:
        role, name = Identifier(database.role), Identifier(database.name)
        password = Literal(PASSWORD)
        connection.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        connection.execute(SQL("CREATE DATABASE {} OWNER {}").format(name, role))
