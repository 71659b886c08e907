"""Two API servers, the scripted and a real one, for one and the same suite."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from hack.cluster.build import ensure_tools
from hack.cluster.control_plane import control_plane
from hack.cluster.docker import engine_answers
from hack.cluster.paths import CHECKOUT, cache_from
from tests.conformance.client import Client
from tests.scripted.api import ScriptedApi
from tests.scripted.server import ApiServer


@pytest.fixture(scope="session")
def real_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Give the port of a real API server: kind's where Docker answers, else one without a node."""
    cache = cache_from()
    ensure_tools(cache)
    kubectl = str(cache.bin / "kubectl")
    with ExitStack() as stack:
        if engine_answers():
            subprocess.run([sys.executable, "-m", "hack.cluster", "up"], cwd=CHECKOUT, check=True)
            kubeconfig = cache.kubeconfig
        else:
            folder = tmp_path_factory.mktemp("control-plane")
            kubeconfig = stack.enter_context(control_plane(cache, folder))
        ask = [kubectl, "--kubeconfig", str(kubeconfig)]
        definition = str(CHECKOUT / "crds" / "databasemigrations.yaml")
        subprocess.run([*ask, "apply", "-f", definition], check=True)
        subprocess.run([*ask, "wait", "--for=condition=Established", "-f", definition], check=True)
        proxy = stack.enter_context(
            subprocess.Popen([*ask, "proxy", "--port=0"], stdout=subprocess.PIPE, text=True)
        )
        stack.callback(proxy.terminate)
        assert proxy.stdout is not None
        yield int(proxy.stdout.readline().rpartition(":")[2])


@pytest.fixture(scope="session")
def scripted_port() -> Iterator[int]:
    """Give the port of the scripted API."""
    with ApiServer(ScriptedApi()).listening() as server:
        yield server.port


@pytest.fixture(params=["scripted", "real"])
def api(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Give a client in a namespace of its own."""
    client = Client(request.getfixturevalue(f"{request.param}_port"), f"c-{uuid4().hex[:10]}")
    namespaces = "/api/v1/namespaces"
    if request.param == "real":
        client.send("POST", namespaces, {"metadata": {"name": client.namespace}})
    yield client
    if request.param == "real":
        client.send("DELETE", f"{namespaces}/{client.namespace}")
