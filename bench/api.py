"""The Kubernetes API by plain HTTP, through ``kubectl proxy``: no client's own cost is measured."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any, Final

_TIMEOUT_SECONDS: Final = 30.0
_WATCH_SECONDS: Final = 3600


class Api:
    """Requests to the API server, one connection each."""

    def __init__(self, port: int) -> None:
        self._port = port

    def text(self, path: str) -> str:
        """Give what a path holds, as it is."""
        return self._request("GET", path).read().decode()

    def get(self, path: str) -> dict[str, Any]:
        """Give what a path holds, from JSON."""
        found: dict[str, Any] = json.loads(self.text(path))
        return found

    def create(self, path: str, body: Mapping[str, Any]) -> None:
        """Create an object."""
        self._request("POST", path, json.dumps(body)).read()

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Give every object of a collection as it is now and after each change."""
        response = self._request(
            "GET", f"{path}?watch=1&timeoutSeconds={_WATCH_SECONDS}", timeout=_WATCH_SECONDS
        )
        for line in response:
            yield json.loads(line)["object"]

    def _request(
        self, method: str, path: str, body: str | None = None, *, timeout: float = _TIMEOUT_SECONDS
    ) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        connection.request(method, path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status >= 300:  # noqa: PLR2004  HTTP: 2xx is success
            raise RuntimeError(f"{method} {path}: {response.status} {response.read().decode()}")
        return response


@contextmanager
def proxied(env: Mapping[str, str]) -> Iterator[Api]:
    """Run ``kubectl proxy`` on a free port for as long as the API is used."""
    with subprocess.Popen(
        ["kubectl", "proxy", "--port=0"], env=env, stdout=subprocess.PIPE, text=True
    ) as proxy:
        try:
            said = proxy.stdout.readline() if proxy.stdout else ""
            yield Api(int(said.rpartition(":")[2]))
        finally:
            proxy.terminate()
