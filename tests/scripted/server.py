"""The scripted API over HTTP: for a whole operator process, its watches included."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.scripted.api import ScriptedApi
from tests.scripted.exchange import Reply, Request, failure
from tests.scripted.faults import Fault
from tests.scripted.kinds import Json, discover, find_place
from tests.scripted.selectors import selector_of
from tests.scripted.transport import Fate

_LONGEST_WATCH_SECONDS = 3600.0


class ApiServer:
    """A scripted API on a port of this machine.

    ``fate`` says what becomes of each request but watches. ``silent`` keeps watch events back,
    ``hang`` every answer. ``asked`` has every request, watches too.
    """

    def __init__(self, api: ScriptedApi, fate: Fate = lambda _: None) -> None:
        self.api = api
        self.fate = fate
        self.silent = False
        self.hang = False
        self.port = 0
        self.asked: list[Request] = []
        self._in_stream: Json | None = None
        self._connections: set[socket.socket] = set()
        self._server: _Listener | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @contextmanager
    def listening(self) -> Iterator["ApiServer"]:
        """Serve while the block runs."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = _Listener(self)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more, and cut every connection: an outage until it starts again."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        for connection in tuple(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def say_in_streams(self, status: Json) -> None:
        """End every watch that runs with an event of type ERROR."""
        with self.api.changed:
            self._in_stream = status
            self.api.changed.notify_all()

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads here."""
        name = "scripted"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": {"token": "none"}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
        file = folder / "kubeconfig"
        file.write_text(json.dumps(config))
        return file

    def accept(self, connection: socket.socket, *, open_: bool) -> None:
        """Keep count of the connections."""
        (self._connections.add if open_ else self._connections.discard)(connection)

    def events(self, path: str, query: dict[str, str]) -> Iterator[Json]:
        """Give what a watch sees, from its resource version on, until its time is over."""
        place = find_place(path)
        assert place is not None
        selector = selector_of(query)
        seen = int(query.get("resourceVersion") or self.api.version)
        deadline = time.monotonic() + float(query.get("timeoutSeconds", _LONGEST_WATCH_SECONDS))
        said = self._in_stream
        while self.running and time.monotonic() < deadline:
            with self.api.changed:
                if self._in_stream is not said:
                    yield {"type": "ERROR", "object": self._in_stream}
                    return
                if seen < self.api.oldest:
                    yield {"type": "ERROR", "object": expired(seen, self.api.oldest).body}
                    return
                new = [] if self.silent else self._changes_since(seen)
                if not new:
                    self.api.changed.wait(0.1)
                    continue
            for change in new:
                event = change.event(place.namespace, selector)
                if change.kind is place.kind and event is not None:
                    yield event
                seen = change.version

    def _changes_since(self, version: int) -> list[Any]:
        return [change for change in self.api.changes if change.version > version]


def expired(version: int, oldest: int) -> Reply:
    """Say that a resource version is too old to watch from."""
    return failure(410, "Expired", f"too old resource version: {version} ({oldest})")


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, owner: ApiServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", owner.port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def owner(self) -> ApiServer:
        listener = self.server
        assert isinstance(listener, _Listener)
        return listener.owner

    def setup(self) -> None:
        super().setup()
        self.owner.accept(self.connection, open_=True)

    def finish(self) -> None:
        self.owner.accept(self.connection, open_=False)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def serve(self) -> None:
        while self.owner.hang and self.owner.running:
            time.sleep(0.05)
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        request = Request(self.command, url.path, query, body)
        self.owner.asked.append(request)
        if query.get("watch") in {"1", "true"} and find_place(url.path):
            self._stream(url.path, query)
            return
        found = discover(url.path)
        if found is not None:
            self._reply(Reply(200, found))
            return
        self._meet(request, self.owner.fate(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815  http.server's names

    def _meet(self, request: Request, fault: Fault | None) -> None:
        reply = self.owner.api.answer(request) if fault is None or fault.done else None
        if fault is None and reply is not None:
            self._reply(reply)
        elif fault is not None and fault.status:
            told = failure(fault.status, fault.reason, fault.message)
            self._reply(told, retry_after=fault.retry_after)
        else:
            self.close_connection = True

    def _reply(self, reply: Reply, *, retry_after: int = 0) -> None:
        content = json.dumps(reply.body).encode()
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if retry_after:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, path: str, query: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in self.owner.events(path, query):
            line = json.dumps(event).encode() + b"\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
