"""Where things are: the checkout, and the one cache folder that everything made here lives in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.errors import UnmetNeedError

CHECKOUT = Path(__file__).resolve().parents[2]
SOURCES = CHECKOUT / "hack" / "cluster"

# A node's programs see a /run, /var/log, /var/lib/cni and /var/lib/kubelet of their own.
HIDDEN_FROM_NODE = ("/run", "/var/run", "/var/log", "/var/lib/cni", "/var/lib/kubelet")

# sockaddr_un.sun_path holds 108 bytes with its final zero (unix(7)); containerd appends ".ttrpc".
_LONGEST_SOCKET_PATH = 100


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache folder's layout.

    `state` is made anew by every fresh cluster; the rest outlives it, so that the next
    `up` is fast and a kubeconfig that somebody exported stays valid.
    """

    root: Path

    @property
    def bin(self) -> Path:
        """Programs for people: first on the PATH that `env` prints."""
        return self.root / "bin"

    @property
    def builds(self) -> Path:
        """One folder for each Go module and stamp."""
        return self.root / "builds"

    @property
    def go(self) -> Path:
        """Go's module and build caches, and Go itself where it came from a wheel."""
        return self.root / "go"

    @property
    def logs(self) -> Path:
        """Logs of builds and of the cluster's programs."""
        return self.root / "logs"

    @property
    def pki(self) -> Path:
        """Certificates, keys and tokens."""
        return self.root / "pki"

    @property
    def images(self) -> Path:
        """What `hack.images` keeps: base file systems, wheels, build storage, archives."""
        return self.root / "images"

    @property
    def content(self) -> Path:
        """Images and snapshots of containerd."""
        return self.root / "containerd"

    @property
    def state(self) -> Path:
        """What belongs to the running cluster only."""
        return self.root / "cluster"

    @property
    def socket(self) -> Path:
        """The socket on which containerd listens."""
        return self.state / "containerd.sock"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig, in both modes."""
        return self.root / "kubeconfig"

    @property
    def lock(self) -> Path:
        """Held by whoever starts or stops the cluster."""
        return self.root / "cluster.lock"


def cache_from(environ: Mapping[str, str] = os.environ) -> Cache:
    """Find the cache folder, by the XDG base directory rules.

    Raises
    ------
    UnmetNeedError
        The folder's path is too long for a socket inside it, or lies under a folder that
        the node's programs see their own version of.
    """
    if named := environ.get("MESHMIGRATE_CACHE"):
        root = Path(named)
    else:
        base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME") or Path.home(), ".cache")
        root = Path(base, "meshmigrate")
    cache = Cache(root.expanduser().absolute())
    if len(os.fsencode(cache.socket)) > _LONGEST_SOCKET_PATH:
        raise UnmetNeedError(
            f"the path of the cache folder {cache.root} is too long for a socket: "
            "set MESHMIGRATE_CACHE to a shorter one"
        )
    if any(cache.root.is_relative_to(hidden) for hidden in HIDDEN_FROM_NODE):
        raise UnmetNeedError(
            f"the cache folder {cache.root} lies where the node's programs see a folder of their "
            "own: set MESHMIGRATE_CACHE to a folder elsewhere"
        )
    return cache
