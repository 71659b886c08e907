"""What the figures of the cluster wait for is seen by threads, and none of them ends unnoticed."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bench.api import Api
from bench.sightings import Sightings
from hack.demo.errors import DemoError
from tests.scripted.serving import serving


class OneEvent(BaseHTTPRequestHandler):
    """Answers a watch with one event, and ends it."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"type": "ADDED", "object": {"name": "run"}}\n')

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def existing(shown: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Say that what is shown exists."""
    yield shown["name"], "Exists"


def test_a_wait_fails_with_the_watch() -> None:
    """What was seen before its end counts; nobody waits for what can no longer be seen."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), OneEvent)
    with serving(server):
        sightings = Sightings()
        sightings.watch(Api(server.server_port), "/things", existing)
        assert sightings.wait("run", "Exists") > 0
        with pytest.raises(DemoError, match="/things"):
            sightings.wait("run", "Complete")
