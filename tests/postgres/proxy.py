"""A TCP proxy between a run and its server, which fails where a test says."""

import re
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

from tests.postgres.harness import Database
from tests.postgres.servers import Server

_CHUNK: Final = 65536
_JOIN_SECONDS: Final = 10.0
COMMIT: Final = rb"COMMIT;(EXECUTE \w+)?\0"
"""At the end of a simple query; behind that of a file follows a look at the locks of others."""


@dataclass
class Fault:
    """What happens to the first message with this text that comes after ``after``.

    Parameters
    ----------
    message
        A regular expression.
    reaches_server
        Whether the message gets through and its answer is lost; otherwise it is lost itself.
    skipped
        How many such messages get through before.
    """

    message: bytes
    after: bytes = b""
    reaches_server: bool = True
    skipped: int = 0
    seen: bytes = b""
    happened: threading.Event = field(default_factory=threading.Event)

    def is_in(self, data: bytes) -> bool:
        """Tell whether this is the message."""
        if self.happened.is_set():
            return False
        self.seen += data
        begin = self.seen.find(self.after)
        if begin < 0 or not re.search(self.message, self.seen[begin:]):
            return False
        self.skipped -= 1
        return self.skipped < 0


class Proxy:
    """Passes everything on, until it is told to do something else."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.server_port = database.server.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.fault: Fault | None = None
        self.accepted = 0
        self.passed = 0

    @property
    def url(self) -> str:
        """The database's URL, by way of the proxy."""
        port = self._listener.getsockname()[1]
        return self._database.url.replace(f":{self._database.server.port}/", f":{port}/")

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(_JOIN_SECONDS)

    def lead_to(self, server: Server) -> None:
        """Reset every connection; new ones go to another server, as after a failover."""
        self.server_port = server.port
        self.cut()

    def cut(self) -> None:
        """Reset every connection there is, on both sides."""
        for one in list(self._open):
            self._reset(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()
                continue
            self._open |= {client, server}
            deaf = threading.Event()
            self._start(self._up, client, server, deaf)
            self._start(self._down, server, client, deaf)

    def _up(self, client: socket.socket, server: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(_CHUNK):
                self.passed += 1
                fault = self.fault
                if fault is not None and fault.is_in(data):
                    fault.happened.set()
                    if not fault.reaches_server:
                        break
                    deaf.set()
                server.sendall(data)
        self._reset(client)
        self._reset(server)

    def _down(self, server: socket.socket, client: socket.socket, deaf: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                if deaf.is_set():
                    break
                client.sendall(data)
        self._reset(client)
        self._reset(server)

    def _reset(self, one: socket.socket) -> None:
        """Close with a reset: the other side loses what it has not read yet."""
        self._open.discard(one)
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RDWR)
        one.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
