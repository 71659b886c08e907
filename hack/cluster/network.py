"""The cluster's addresses, and the one cable between the host and the node's network.

The host keeps nothing but the interface `mmk8s0` with an address and two routes; packet
filter rules, pod interfaces and forwarding are the node's own (see `namespaces`). The host
thus reaches the API server, pods and Services by their addresses. Pods get interfaces of
their own that are routed by the node, not bridged: replies to a Service come back through
the node whatever the kernel's bridge settings are, and a policy can act on every packet.
"""

import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, ip_network
from pathlib import Path

from hack.cluster.errors import ClusterError, UnmetNeedError
from hack.cluster.namespaces import NodeNamespaces
from hack.cluster.processes import wait_until
from hack.cluster.programs import run

_PODS = "10.88.0.0/16"
_SERVICES = "10.96.0.0/16"
# A pod network must have room for the node's link and for pods, a Service network for its first ten
_LARGEST_PREFIX = 22


@dataclass(frozen=True, slots=True)
class Addresses:
    """Address plan: the first /24 of the pod network is the link between host and node."""

    pods: IPv4Network
    services: IPv4Network

    @property
    def interface(self) -> str:
        """Name of the host's end of the cable; another pod network has another (15 letters)."""
        number = 0 if str(self.pods) == _PODS else int(self.pods.network_address)
        return f"mmk8s{number:x}"

    @property
    def node(self) -> IPv4Address:
        """The node, with its API server, kubelet and DNS server."""
        return self.pods[1]

    @property
    def host(self) -> IPv4Address:
        """The host as pods see it: what listens on it there, pods can reach."""
        return self.pods[254]

    @property
    def first_pod(self) -> IPv4Address:
        """The first address after the link."""
        return self.pods[257]

    @property
    def api(self) -> IPv4Address:
        """The Service `kubernetes`, always the first address of the Service network."""
        return self.services[1]

    @property
    def dns(self) -> IPv4Address:
        """The Service `kube-dns`."""
        return self.services[10]


def addresses_from(environ: Mapping[str, str] = os.environ) -> Addresses:
    """Take the address plan from the environment, or the usual one.

    Raises
    ------
    UnmetNeedError
        MESHMIGRATE_POD_NETWORK or MESHMIGRATE_SERVICE_NETWORK is not a usable network.
    """
    pods = _network_from(environ, "MESHMIGRATE_POD_NETWORK", _PODS)
    services = _network_from(environ, "MESHMIGRATE_SERVICE_NETWORK", _SERVICES)
    if pods.overlaps(services):
        raise UnmetNeedError(f"the networks of pods ({pods}) and Services ({services}) overlap")
    return Addresses(pods, services)


def conflicts(addresses: Addresses, routes: Iterable[Mapping[str, str]]) -> list[str]:
    """Routes of the host that lie inside one of our networks.

    Wider ones do no harm: ours are more specific and win.
    """
    found = []
    for route in routes:
        device = route.get("dev", "?")
        with suppress(ValueError):  # "default" is none
            there = ip_network(route["dst"])
            if isinstance(there, IPv4Network) and any(
                there.subnet_of(ours) for ours in (addresses.pods, addresses.services)
            ):
                found.append(f"{there} on {device}")
    return found


def refuse_conflicts(addresses: Addresses) -> None:
    """Check that the host does not use our networks for something else.

    Raises
    ------
    UnmetNeedError
        It does; the message says where, and how to choose others.
    """
    routes = json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]))
    found = conflicts(addresses, routes)
    if any(text.endswith(f" on {addresses.interface}") for text in found):
        raise UnmetNeedError(
            f"another cluster holds the interface {addresses.interface}: one with another cache "
            "folder, or its folder was deleted while it ran. `pgrep -af 'unshare --mount --net'` "
            "shows its first process; ending that one ends it all"
        )
    if found:
        raise UnmetNeedError(
            f"this host already uses {', '.join(found)}, inside the cluster's networks "
            f"{addresses.pods} (pods) and {addresses.services} (Services): set "
            "MESHMIGRATE_POD_NETWORK or MESHMIGRATE_SERVICE_NETWORK to a free one, "
            "for example 10.214.0.0/16"
        )


def connect(addresses: Addresses, namespaces: NodeNamespaces) -> None:
    """Lay the cable between host and node.

    Raises
    ------
    ClusterError
        A command failed, or there are no namespaces.
    """
    first = namespaces.first()
    if first is None:
        raise ClusterError("the node's namespaces ended while they were being set up")
    peer = ["peer", "name", "eth0", "netns", str(first.pid)]
    run(["ip", "link", "add", addresses.interface, "type", "veth", *peer])
    link_node = IPv4Interface((addresses.node, 24))
    link_host = IPv4Interface((addresses.host, 24))
    run(namespaces.enter_network(["ip", "address", "add", str(link_node), "dev", "eth0"]))
    run(namespaces.enter_network(["ip", "link", "set", "eth0", "up"]))
    run(["ip", "address", "add", str(link_host), "dev", addresses.interface])
    run(["ip", "link", "set", addresses.interface, "up"])
    for network in (addresses.pods, addresses.services):
        run(["ip", "route", "replace", str(network), "via", str(addresses.node)])


def wait_disconnected(addresses: Addresses) -> None:
    """Wait for the kernel to remove the cable, a moment after the node's network ended.

    Raises
    ------
    ClusterError
        It is still there: something outside holds the node's network namespace.
    """
    interface = Path("/sys/class/net") / addresses.interface
    if not wait_until(lambda: not interface.exists(), seconds=20):
        raise ClusterError(
            f"the interface {addresses.interface} stays although the cluster has ended: a process "
            "entered its network (`lsns --type net` shows which); end it and try again"
        )


def _network_from(environ: Mapping[str, str], name: str, usual: str) -> IPv4Network:
    text = environ.get(name) or usual
    try:
        network = IPv4Network(text)
    except ValueError as error:
        raise UnmetNeedError(f"{name}={text} is not an IPv4 network: {error}") from error
    if network.prefixlen > _LARGEST_PREFIX:
        raise UnmetNeedError(f"{name}={text} is too small: at least a /{_LARGEST_PREFIX}")
    return network
