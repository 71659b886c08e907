"""A node that is lost with its runner: no connection is closed, and nobody says goodbye."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import LockPolicy, Policy
from tests.postgres.databases import ROLE, database_on, make_role
from tests.postgres.far_node import FarNode, far_node
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.servers import Server, running_server
from tests.postgres.test_signals import AT_SPEED, is_asleep, make_speed

pytestmark = pytest.mark.since(18)  # it is the kernel that counts here, and it takes half a minute


@pytest.fixture
def node() -> Iterator[FarNode]:
    """Give a node to run runners on."""
    with far_node() as node:
        yield node


@pytest.fixture
def reachable(server: Server, node: FarNode) -> Iterator[Server]:
    """Give a server that the node can reach."""
    with running_server(server.version, settings={"listen_addresses": "*"}) as own:
        with own.data.joinpath("pg_hba.conf").open("a") as access:
            access.write(f"host all {ROLE} {node.near}/30 scram-sha-256\n")
        make_role(own)
        yield own


@pytest.fixture
def database(reachable: Server) -> Iterator[Database]:
    """Give a database on that server."""
    with database_on(reachable) as database:
        database.query("SELECT pg_reload_conf()", superuser=True)
        yield database


def test_a_lost_node_frees_the_lock_by_itself(
    database: Database, project: Project, node: FarNode, tmp_path: Path
) -> None:
    """Fault 22: until then others wait as long as they want, and are told who has the lock."""
    make_speed(database, 600)
    project.migration("1", "CREATE TABLE a (x int)").migration("2", AT_SPEED)
    spec = make_spec(project)
    url = database.url.replace("127.0.0.1", node.near)
    with Runner(tmp_path, database, spec, url=url, prefix=node.prefix):
        eventually(lambda: is_asleep(database), "is in version 2")
        node.cut()
        policy = Policy(lock=LockPolicy(acquire_timeout_seconds=0.5))
        done = attempt(database, make_spec(project, policy=policy)).result
        assert done.outcome is Outcome.LOCK_TIMEOUT
        assert f"'meshmigrate:{str(spec.run.id)[:8]}'" in done.message
        eventually(lambda: not is_asleep(database), "keepalives find it gone", within=90)
        assert database.lock_holders() == []
    make_speed(database, 0)
    again = make_spec(project, run_id=spec.run.id, attempt=2)
    assert attempt(database, again).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]


def test_a_runner_whose_server_is_lost_notices_and_goes_on(
    database: Database, project: Project, node: FarNode, tmp_path: Path
) -> None:
    """Fault 22 seen from the other side: keepalives find the server gone, another connection it."""
    make_speed(database, 600)
    project.migration("1", "CREATE TABLE a (x int)").migration("2", AT_SPEED)
    url = database.url.replace("127.0.0.1", node.near)
    with Runner(tmp_path, database, make_spec(project), url=url, prefix=node.prefix) as runner:
        eventually(lambda: is_asleep(database), "is in version 2")
        node.lose_us()
        eventually(lambda: "connection-lost" in runner.output, "notices", within=90)
        make_speed(database, 0)
        node.find_us()
        assert runner.wait() == Outcome.SUCCEEDED.exit_code
        assert (runner.result.attempt, runner.result.applied.count) == (1, 2)
    assert database.versions == ["1", "2"]
    assert database.lock_holders() == []
