"""Ports of this machine for servers of the tests."""

import random
import socket
from contextlib import suppress
from typing import Final

_PORTS: Final = range(15000, 30000)
"""Below those that the kernel gives to clients: a server that is restarted finds its port free."""


def free_port() -> int:
    """Give a port of this machine that nobody listens on."""
    for port in random.sample(_PORTS, len(_PORTS)):
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError(f"no port is free from {_PORTS.start} to {_PORTS.stop - 1}")


def listens(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
