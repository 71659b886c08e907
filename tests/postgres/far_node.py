"""Another node, as far as the network goes: a namespace whose link can be cut without a word."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PREFIX: Final = "meshmigrate-"
_MAC: Final = "02:00:00:00:00:02"
_NEAR_MAC: Final = "02:00:00:00:00:01"


@dataclass(frozen=True)
class FarNode:
    """A network namespace and the link to it."""

    name: str
    near: str
    """Address of this machine as seen from there."""
    link: str
    """The device that leads there."""

    @property
    def prefix(self) -> tuple[str, ...]:
        """What makes a command run there."""
        return ("ip", "netns", "exec", self.name)

    def cut(self) -> None:
        """Lose the node: what is sent to it goes nowhere, and nobody is told.

        The link stays up: a packet that cannot even leave does not count as one unanswered.
        """
        _ip("-n", self.name, "address", "flush", "dev", "far")

    def lose_us(self) -> None:
        """Lose this machine from the node's side: what is sent from there goes nowhere."""
        _ip("address", "flush", "dev", self.link)

    def find_us(self) -> None:
        """Let this machine be reached again."""
        _ip("address", "add", f"{self.near}/30", "dev", self.link)


@contextmanager
def far_node() -> Iterator[FarNode]:
    """Make a node; it is gone when the block ends."""
    session = os.getpid()
    name, link = f"{_PREFIX}{session}", f"mm{session}"
    net = f"10.213.{session % 250}"
    _ip("netns", "add", name)
    try:
        far = f"name far address {_MAC} netns {name}"
        _ip(*f"link add {link} address {_NEAR_MAC} type veth peer {far}".split())
        _ip("address", "add", f"{net}.1/30", "dev", link)
        _ip("link", "set", link, "up")
        # As behind a router: the next hop answers, whoever is lost behind it.
        _ip(*f"neighbour add {net}.2 lladdr {_MAC} dev {link} nud permanent".split())
        _ip("-n", name, "address", "add", f"{net}.2/30", "dev", "far")
        _ip("-n", name, "link", "set", "far", "up")
        _ip(*f"-n {name} neighbour add {net}.1 lladdr {_NEAR_MAC} dev far nud permanent".split())
        yield FarNode(name, f"{net}.1", link)
    finally:
        _ip("netns", "delete", name)


def end_lost_nodes() -> None:
    """Remove the nodes of test sessions that were killed: their names have the session's pid."""
    for namespace in Path("/run/netns").glob(f"{_PREFIX}*"):
        if not Path("/proc", namespace.name.removeprefix(_PREFIX)).exists():
            _ip("netns", "delete", namespace.name)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
