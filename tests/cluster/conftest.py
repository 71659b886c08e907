"""One cluster, one operator and one PostgreSQL for the session; one namespace for each test."""

import json
import re
import sys
from collections.abc import Generator, Iterator
from uuid import uuid4

import pytest

from hack.demo.setting import PASSWORD
from tests.cluster.kubernetes import SYSTEM_NAMESPACE, Cluster, environment
from tests.cluster.release import install
from tests.cluster.tenant import DATABASE_NAMESPACE, Tenant, restricted

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether a test failed, for the fixtures that tell why."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Give the local cluster; one that the session has started is stopped at its end."""
    here = Cluster(environment())
    was_up = here.attempt(sys.executable, "-m", "hack.cluster", "status").returncode == 0
    here.run(sys.executable, "-m", "hack.cluster", "up")
    yield here
    if not was_up:
        here.run(sys.executable, "-m", "hack.cluster", "down")


@pytest.fixture(scope="session")
def operator(cluster: Cluster) -> Cluster:
    """Install the operator by its chart, with the images as they are now."""
    cluster.run(sys.executable, "-m", "hack.images", "product", "postgres")
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(restricted(SYSTEM_NAMESPACE)))
    _configure_channels(cluster)
    install(cluster)
    deployment = ("-n", SYSTEM_NAMESPACE, "deployment/meshmigrate")
    cluster.kubectl("rollout", "restart", *deployment)
    cluster.kubectl("rollout", "status", *deployment, "--timeout=2m")
    return cluster


def _configure_channels(cluster: Cluster) -> None:
    """Store the channels that a test may name; nobody is told by default."""
    sink = f"sink.{DATABASE_NAMESPACE}.svc"
    channels = {
        "program": {"webhook": {"url": f"http://{sink}/program"}},
        "people": {"urls": [f"json://{sink}/people"]},
        "canary": {"urls": [f"json://zqxj-user:zqxj-token@{sink}/zqxj-path"]},
        "gone": {"webhook": {"url": "http://zqxj-host.invalid/zqxj-path"}},
        "lost": {"urls": ["json://zqxj-user:zqxj-token@zqxj-host.invalid/zqxj-path"]},
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "channels", "namespace": SYSTEM_NAMESPACE},
        "stringData": {"channels.yaml": json.dumps({"channels": channels})},
    }
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(secret))


@pytest.fixture(scope="session")
def postgres(cluster: Cluster, operator: Cluster) -> Iterator[None]:
    """Start the PostgreSQL server of the session."""
    del operator
    server = ("-n", DATABASE_NAMESPACE)
    cluster.kubectl("delete", "namespace", DATABASE_NAMESPACE, "--ignore-not-found")
    cluster.kubectl("create", "namespace", DATABASE_NAMESPACE)
    password = ("create", "secret", "generic", "postgres")
    cluster.kubectl(*server, *password, "--from-file=POSTGRES_PASSWORD=/dev/stdin", stdin=PASSWORD)
    cluster.kubectl(*server, "apply", "-f", "hack/demo/postgres.yaml")
    cluster.kubectl(*server, "rollout", "status", "deployment/postgres", "--timeout=2m")
    yield
    cluster.kubectl("delete", "namespace", DATABASE_NAMESPACE, "--wait=false")


@pytest.fixture
def tenant(request: pytest.FixtureRequest, operator: Cluster, postgres: None) -> Iterator[Tenant]:
    """Give a namespace with a database, and tell all about it if the test fails."""
    del postgres
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_"))
    tenant = Tenant(operator, f"t-{words[:40].strip('-')}-{uuid4().hex[:6]}")
    tenant.set_up()
    yield tenant
    if request.node.stash.get(_FAILED, False):
        sys.stdout.write(tenant.describe())
    tenant.tear_down()
