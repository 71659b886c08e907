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
    swallows
        Whether the connection then stays open, and nothing gets through it any more.
    skipped
        How many such messages get through before.
    """

    message: bytes
    after: bytes = b""
    reaches_server: bool = True
    swallows: bool = False
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


@dataclass(eq=False)
class Link:
    """A connection of a client by way of the proxy, and what becomes of what is sent."""

    client: socket.socket
    server: socket.socket
    deaf: threading.Event = field(default_factory=threading.Event)
    """The next answer ends the connection."""
    swallowing: threading.Event = field(default_factory=threading.Event)
    """All is taken and nothing passed on, in both directions."""
    flowing: threading.Event = field(default_factory=threading.Event)
    """Answers are passed on; otherwise they wait until they are again."""

    def __post_init__(self) -> None:
        """Pass everything on."""
        self.flowing.set()


class Proxy:
    """Passes everything on, until it is told to do something else."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.server_port = database.server.port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._links: set[Link] = set()
        self._threads: list[threading.Thread] = []
        self.fault: Fault | None = None
        self.lingers = False
        """Whether the server is not told when a client has closed a connection."""
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

    def admit(self, client: socket.socket) -> bool:
        """Tell whether a connection is passed on; otherwise it is the subclass's."""
        return client.fileno() >= 0

    def altered(self, data: bytes) -> bytes:
        """Give what is passed on to the server; a subclass may make something else of it."""
        return data

    def cut(self) -> None:
        """Reset every connection there is, on both sides."""
        for link in list(self._links):
            self._end(link)

    def swallow(self) -> None:
        """Let nothing through the connections there are: each side waits for the other."""
        for link in list(self._links):
            link.swallowing.set()

    def delay(self) -> None:
        """Keep the answers on the connections there are, until they are let through."""
        for link in list(self._links):
            link.flowing.clear()

    def let_through(self) -> None:
        """Pass on the answers that were kept, and those to come."""
        for link in list(self._links):
            link.flowing.set()

    @property
    def is_swallowing(self) -> bool:
        """Whether a client waits for an answer in vain."""
        waiting = [link for link in list(self._links) if link.client.fileno() >= 0]
        return any(link.swallowing.is_set() for link in waiting)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if not self.admit(client):
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.server_port))
            except OSError:
                client.close()
                continue
            link = Link(client, server)
            self._links.add(link)
            self._start(self._up, link)
            self._start(self._down, link)

    def _up(self, link: Link) -> None:
        with suppress(OSError):
            while data := self.altered(link.client.recv(_CHUNK)):
                self.passed += 1
                fault = self.fault
                if fault is not None and not link.swallowing.is_set() and fault.is_in(data):
                    if fault.swallows:
                        link.swallowing.set()
                    elif fault.reaches_server:
                        link.deaf.set()
                    fault.happened.set()
                    if fault.reaches_server:
                        link.server.sendall(data)
                    elif not fault.swallows:
                        break
                elif not link.swallowing.is_set():
                    link.server.sendall(data)
        if self.lingers and link.swallowing.is_set():
            self._reset(link.client)
        else:
            self._end(link)

    def _down(self, link: Link) -> None:
        with suppress(OSError):
            while data := link.server.recv(_CHUNK):
                link.flowing.wait()
                if link.deaf.is_set():
                    break
                if not link.swallowing.is_set():
                    link.client.sendall(data)
        self._end(link)

    def _end(self, link: Link) -> None:
        self._links.discard(link)
        link.flowing.set()
        self._reset(link.client)
        self._reset(link.server)

    @staticmethod
    def _reset(one: socket.socket) -> None:
        """Close with a reset: the other side loses what it has not read yet."""
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            one.shutdown(socket.SHUT_RDWR)
        one.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
