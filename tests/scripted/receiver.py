"""A webhook's receiver on this machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.scripted.serving import serving


class Receiver:
    """Keeps what is posted to it, unless ``statuses`` or ``down`` say that it answers badly."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        self.down = False
        self.refused = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                if receiver.down or status >= 300:
                    receiver.refused += 1
                else:
                    receiver.events.append(json.loads(body))
                self.send_response(503 if receiver.down else status)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def channels(self, folder: Path) -> Path:
        """Write the file with a channel that leads here."""
        file = folder / "channels.yaml"
        url = f"http://127.0.0.1:{self.server.server_port}/canary"
        channel = {"webhook": {"url": url}}
        file.write_text(json.dumps({"channels": {"hook": channel}, "default": ["hook"]}))
        return file


@contextmanager
def listening() -> Iterator[Receiver]:
    """Give a receiver that listens while the block runs."""
    receiver = Receiver()
    with serving(receiver.server):
        yield receiver
