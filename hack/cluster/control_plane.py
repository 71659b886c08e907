"""A real API server without a node: etcd and kube-apiserver, ready in about four seconds.

For what needs the API's own behaviour and no container: the conformance suite, and measurements
with pods that somebody else completes. It needs no root, has a folder and ports of its own, and
any number of them run side by side.
"""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Network
from pathlib import Path

from hack.cluster import components
from hack.cluster.api import Api
from hack.cluster.build import CONTAINERD, COREDNS, KUBERNETES, built_folder, ensure_built
from hack.cluster.components import Component
from hack.cluster.errors import ClusterError
from hack.cluster.network import Addresses
from hack.cluster.paths import Cache
from hack.cluster.pki import Pki
from hack.cluster.processes import wait_until
from hack.cluster.programs import last_lines

_ADDRESSES = Addresses(pods=IPv4Network("127.0.0.0/16"), services=IPv4Network("10.97.0.0/16"))
"""Of which the first is 127.0.0.1: nothing outside this machine reaches it."""
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


@contextmanager
def control_plane(cache: Cache, folder: Path, *, controllers: bool = False) -> Iterator[Path]:
    """Run it while the block runs, and give the administrator's kubeconfig.

    Parameters
    ----------
    cache
        Where the programs are, or are built.
    folder
        For keys, data and logs; an empty one.
    controllers
        Whether kube-controller-manager runs too: Jobs get pods, garbage is collected.

    Raises
    ------
    ClusterError
        A program ended or was not ready in time; the message has the end of its log.
    """
    ensure_built(cache, KUBERNETES)
    own = Cache(folder)
    ports = components.Ports(*_free_ports(3))
    pki = Pki(own, _ADDRESSES, port=ports.api)
    pki.ensure()
    layout = components.Layout(
        cache=own,
        addresses=_ADDRESSES,
        pki=pki,
        kubernetes=built_folder(cache, KUBERNETES),
        containerd=built_folder(cache, CONTAINERD),
        coredns=built_folder(cache, COREDNS),
        ports=ports,
    )
    (own.state / "etcd").mkdir(parents=True, mode=0o700)
    own.logs.mkdir()
    with ExitStack() as stack:
        for program in components.control_plane(layout):
            stack.enter_context(_running(_without_node(program), own))
        _wait_ready(Api(pki), own)
        if controllers:
            manager, _ = components.controllers(layout)
            stack.enter_context(_running(_without_node(manager), own))
        yield pki.kubeconfig("admin")


def _without_node(program: Component) -> Component:
    """Add what is right where no node and no other control plane is near."""
    more: dict[str, tuple[str, ...]] = {
        "kube-apiserver": (
            "--endpoint-reconciler-type=none",  # a Service cannot lead to a loopback address
            "--disable-admission-plugins=ServiceAccount",
        ),
        "kube-controller-manager": ("--secure-port=0",),
    }
    return Component(program.name, (*program.argv, *more.get(program.name, ())))


@contextmanager
def _running(program: Component, cache: Cache) -> Iterator[None]:
    """Run a program while the block runs; it ends with this process, however that ends."""
    log = cache.logs / f"{program.name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *program.argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=cache.root,
            env={"PATH": "/usr/bin:/bin", "HOME": str(cache.state)},
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(api: Api, cache: Cache) -> None:
    if not wait_until(api.is_ready, seconds=_START_SECONDS):
        said = [f"{log}:\n{last_lines(log.read_text())}" for log in cache.logs.glob("*.log")]
        raise ClusterError(f"no API server within {_START_SECONDS:.0f} s\n" + "\n".join(said))


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on at the moment."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in held]
