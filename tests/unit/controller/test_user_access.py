"""The cluster as the kubeconfig of whoever runs the program leads to it."""

import asyncio
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio import config

from meshmigrate.controller.api_requests import Answer
from meshmigrate.controller.user_access import NoCluster, user_access
from tests.scripted.serving import serving


class _Door(BaseHTTPRequestHandler):
    """An API server that lets in who has the new token."""

    def do_GET(self) -> None:
        """Answer with the path that was asked for."""
        known = self.headers["Authorization"] == "Bearer new"
        body = json.dumps({"path": self.path}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class says so
        """Keep quiet."""


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a kubeconfig with two contexts of one server; the token is in the file ``token``."""
    server = HTTPServer(("127.0.0.1", 0), _Door)
    with serving(server):
        url = f"http://127.0.0.1:{server.server_port}"
        path = tmp_path / "kubeconfig"
        contexts = [("plain", {}), ("shop", {"namespace": "shop"})]
        path.write_text(
            json.dumps(
                {
                    "current-context": "plain",
                    "contexts": [
                        {"name": name, "context": {"cluster": "it", "user": "me", **more}}
                        for name, more in contexts
                    ],
                    "clusters": [{"name": "it", "cluster": {"server": url}}],
                    "users": [{"name": "me", "user": {"tokenFile": str(tmp_path / "token")}}],
                }
            )
        )
        monkeypatch.setattr(config, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))
        monkeypatch.setattr(config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))
        tmp_path.joinpath("token").write_text("new")
        yield path


def read(context: str | None, before: Callable[[], object] = lambda: None) -> tuple[str, Answer]:
    """Read the resource ``web`` of the context's namespace; something may happen before."""

    async def go() -> tuple[str, Answer]:
        async with user_access(context) as access:
            before()
            return access.namespace, await access.read(access.namespace, "web")

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("context", "namespace"), [(None, "default"), ("plain", "default"), ("shop", "shop")]
)
@pytest.mark.usefixtures("kubeconfig")
def test_the_namespace_is_that_of_the_context(context: str | None, namespace: str) -> None:
    """The current one, unless another is named."""
    found, answer = read(context)
    assert found == namespace
    assert answer.status == 200
    asked = json.loads(answer.body)["path"]
    assert asked.endswith(f"/v1alpha1/namespaces/{namespace}/databasemigrations/web")


def test_a_token_that_is_no_longer_accepted_is_read_anew(kubeconfig: Path) -> None:
    """Those of clouds live for minutes, and a run may take an hour."""
    token = kubeconfig.with_name("token")
    token.write_text("old")
    assert read(None)[1].status == 401
    assert read(None, lambda: token.write_text("new"))[1].status == 200


def test_a_context_that_there_is_not_is_told(kubeconfig: Path) -> None:
    """By its name; and so is a file that is none."""
    with pytest.raises(NoCluster, match="nowhere"):
        read("nowhere")
    kubeconfig.write_text("{")
    with pytest.raises(NoCluster, match="no cluster can be reached"):
        read(None)
