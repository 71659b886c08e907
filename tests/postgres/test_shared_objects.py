"""Databases, tablespaces and subscriptions: steps that the server's own catalogs tell about."""

import socket
from collections.abc import Callable, Iterator

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from tests.postgres.harness import ALLOW, PASSWORD, Database, Project, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.servers import Server
from tests.postgres.spare_server import ALMIGHTY, new_database
from tests.postgres.test_no_transaction import DIRECTIVE, marks
from tests.postgres.test_outside_forms import as_superuser
from tests.postgres.test_step_crashes import MARKED, kill_while_waiting
from tests.postgres.test_steps import apply, journal

StartRunner = Callable[[RunSpec], Runner]


@pytest.fixture
def publisher(spare: Server) -> Database:
    """Give a database that publishes a table."""
    database = new_database(spare, ALMIGHTY)
    database.query("CREATE TABLE t (x int); CREATE PUBLICATION p FOR TABLE t; CREATE PUBLICATION q")
    return database


def connection_to(publisher: Database) -> str:
    """Give what CREATE SUBSCRIPTION connects with."""
    place = f"host=127.0.0.1 port={publisher.server.port} dbname={publisher.name}"
    return f"'{place} user={ALMIGHTY} password={PASSWORD}'"


def slots(publisher: Database) -> int:
    """Count the replication slots that are for this database."""
    query = "SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"
    count: int = publisher.scalar(query)
    return count


def test_a_subscription_with_a_slot_is_made_altered_and_dropped(
    database: Database, project: Project, publisher: Database
) -> None:
    """What only the catalog knows to need it, and what nothing tells, asks for the directive."""
    name = f"s_{database.name}"
    connection = connection_to(publisher)
    project.migration(
        "1",
        "CREATE TABLE t (x int);\n"
        f"CREATE SUBSCRIPTION {name} CONNECTION {connection} PUBLICATION p",
    )
    project.migration("2", f"ALTER SUBSCRIPTION {name} REFRESH PUBLICATION")
    project.migration("3", f"ALTER SUBSCRIPTION {name} SET PUBLICATION p")
    done = as_superuser(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert slots(publisher) >= 1
    project.migration("4", f"ALTER SUBSCRIPTION {name} ADD PUBLICATION q")
    assert as_superuser(database, project).reason == Reason.NON_TRANSACTIONAL
    project.migration("4", f"{DIRECTIVE}ALTER SUBSCRIPTION {name} ADD PUBLICATION q")
    project.migration("5", f"DROP SUBSCRIPTION {name}")
    done = as_superuser(database, project)
    assert "DROP SUBSCRIPTION cannot run inside a transaction block" in done.message
    project.migration("5", f"{DIRECTIVE}DROP SUBSCRIPTION {name}")
    done = as_superuser(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert slots(publisher) == 0


@pytest.fixture
def silent_publisher() -> Iterator[str]:
    """Give a place that takes connections and never says anything."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"'host=127.0.0.1 port={listener.getsockname()[1]}'"


class TestKilled:
    """The runner is killed in the middle of a statement about the whole server."""

    @pytest.fixture
    def database(self, spare: Server) -> Database:
        """Give a database whose role may do everything."""
        return new_database(spare, ALMIGHTY)

    @pytest.mark.parametrize("meanwhile", [True, False])
    def test_a_database_that_is_there_afterwards_is_done(
        self, database: Database, project: Project, start_runner: StartRunner, *, meanwhile: bool
    ) -> None:
        """Where it is not, it is made; the step before is not repeated."""
        name = f"{database.name}_x"
        project.migration("1", f"{MARKED}CREATE DATABASE {name}")
        spec = make_spec(project)
        with database.connect() as other:
            other.execute("BEGIN; LOCK TABLE pg_catalog.pg_database IN SHARE MODE")
            kill_while_waiting(database, start_runner(spec), "CREATE DATABASE")
        assert journal(database)[-1][2:] == (3, "running", f'"{name}"')
        if meanwhile:
            database.query(f"CREATE DATABASE {name}")
        done = apply(database, project)
        assert done.outcome is Outcome.SUCCEEDED, done.message
        assert marks(database) == [1]
        project.migration("2", f"{ALLOW}DROP DATABASE {name}")
        spec = make_spec(project)
        with database.connect() as other:
            other.execute("BEGIN; LOCK TABLE pg_catalog.pg_database IN SHARE MODE")
            kill_while_waiting(database, start_runner(spec), "DROP DATABASE")
        if meanwhile:
            database.query(f"DROP DATABASE {name}")
        done = apply(database, project)
        assert done.outcome is Outcome.SUCCEEDED, done.message
        assert not database.query("SELECT 1 FROM pg_database WHERE datname = %s", name)

    def test_a_subscription_that_is_there_afterwards_is_done(
        self,
        database: Database,
        project: Project,
        start_runner: StartRunner,
        silent_publisher: str,
    ) -> None:
        """Its row is the proof: it is written after the slot was made."""
        create = f"CREATE SUBSCRIPTION {database.name} CONNECTION {silent_publisher} PUBLICATION p"
        project.migration("1", MARKED + create)
        runner = start_runner(make_spec(project))
        asks = (
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'CREATE SUBSCRIPTION%' "
            "AND datname = current_database() AND state = 'active'"
        )
        eventually(lambda: database.query(asks), f"waits for an answer; {runner.output}")
        runner.kill()
        eventually(lambda: not database.query(asks), "the server ends the session")
        database.query(f"{create} WITH (connect = false)")
        done = apply(database, project)
        assert done.outcome is Outcome.SUCCEEDED, done.message
        assert marks(database) == [1]
        database.query(
            f"ALTER SUBSCRIPTION {database.name} SET (slot_name = NONE);"
            f"DROP SUBSCRIPTION {database.name}"
        )
