"""Which of the two kinds of cluster this machine gets."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from hack.cluster.docker import engine_answers
from hack.cluster.kind import KindCluster
from hack.cluster.network import addresses_from
from hack.cluster.node import NodeCluster
from hack.cluster.paths import Cache


class Cluster(Protocol):
    """What can be done with either kind of cluster."""

    def check_host(self) -> None:
        """Refuse a machine that cannot run it."""

    def up(self) -> None:
        """Start it, unless it is healthy."""

    def down(self) -> None:
        """Stop it and remove what it made."""

    def fault(self) -> str | None:
        """Say what is wrong, or None if it is healthy."""

    def describe(self) -> list[str]:
        """List its parts, a line for each."""

    def load(self, archive: Path) -> None:
        """Bring the images of an archive into it."""

    def digest(self, image: str) -> str | None:
        """Digest of an image that it has, or None."""


def choose(cache: Cache, environ: Mapping[str, str] = os.environ) -> Cluster:
    """Kind where a Docker engine answers, plain processes where none does.

    Raises
    ------
    UnmetNeedError
        The environment names networks that cannot be used.
    """
    return KindCluster(cache) if engine_answers() else NodeCluster(cache, addresses_from(environ))
