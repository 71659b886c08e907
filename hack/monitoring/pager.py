"""The receiver of pages: what a paging service would get, kept to be looked at."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Page = dict[str, Any]
"""One alert of Alertmanager's webhook: status, labels, annotations, startsAt, endsAt."""


@dataclass(frozen=True)
class Pager:
    """What has arrived at ``url``, in order, and when by the monotonic clock."""

    url: str
    pages: list[tuple[float, Page]] = field(default_factory=list)

    def received(self, status: str, **labels: str) -> list[tuple[float, Page]]:
        """Give the pages of a status (firing or resolved) that have all these labels."""
        return [
            (at, page)
            for at, page in list(self.pages)
            if page["status"] == status and labels.items() <= page["labels"].items()
        ]


@contextmanager
def pager() -> Iterator[Pager]:
    """Receive pages on a port of this machine while the block runs."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            now = time.monotonic()
            here.pages.extend((now, page) for page in json.loads(body)["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent: what arrives is shown by who asks for it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        here = Pager(f"http://127.0.0.1:{server.server_address[1]}/")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield here
        finally:
            server.shutdown()
            thread.join()
