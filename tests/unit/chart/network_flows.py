"""What NetworkPolicies let through, as Kubernetes defines it (Network Policies, API reference).

Written for policies of the chart: a peer is an address of the world, or pods by their labels and
by those of their namespace.
"""

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Peer:
    """One end of a connection; outside of the cluster it has only an address."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    address: str = "203.0.113.1"

    @property
    def is_pod(self) -> bool:
        """Whether labels can select it."""
        return bool(self.namespace)


@dataclass(frozen=True)
class Flow:
    """A connection that somebody wants to open."""

    source: Peer
    target: Peer
    port: int
    port_name: str = ""
    protocol: str = "TCP"


def lets_through(policies: list[Json], flow: Flow) -> bool:
    """Say whether both ends allow it: one that no policy selects allows everything."""
    return _allows(policies, flow.source, "Egress", flow.target, flow) and _allows(
        policies, flow.target, "Ingress", flow.source, flow
    )


def _allows(policies: list[Json], pod: Peer, direction: str, other: Peer, flow: Flow) -> bool:
    of_pod = [
        policy
        for policy in policies
        if pod.is_pod
        and policy["metadata"]["namespace"] == pod.namespace
        and _selects(policy["spec"]["podSelector"], pod.labels)
        and direction in policy["spec"]["policyTypes"]
    ]
    peers = "to" if direction == "Egress" else "from"
    return not of_pod or any(
        _has_port(rule, flow) and _has_peer(rule, peers, other, policy["metadata"]["namespace"])
        for policy in of_pod
        for rule in policy["spec"].get(direction.lower(), ())
    )


def _has_port(rule: Json, flow: Flow) -> bool:
    return not rule.get("ports") or any(
        each["port"] in {flow.port, flow.port_name} and each["protocol"] == flow.protocol
        for each in rule["ports"]
    )


def _has_peer(rule: Json, peers: str, other: Peer, namespace: str) -> bool:
    return not rule.get(peers) or any(_is_peer(each, other, namespace) for each in rule[peers])


def _is_peer(peer: Json, other: Peer, namespace: str) -> bool:
    if "ipBlock" in peer:
        return ip_address(other.address) in ip_network(peer["ipBlock"]["cidr"])
    if not other.is_pod:
        return False
    name = {"kubernetes.io/metadata.name": other.namespace}
    in_namespace = (
        _selects(peer["namespaceSelector"], name)
        if "namespaceSelector" in peer
        else other.namespace == namespace
    )
    return in_namespace and _selects(peer.get("podSelector", {}), other.labels)


def _selects(selector: Json, labels: dict[str, str]) -> bool:
    wanted: dict[str, str] = selector.get("matchLabels", {})
    return wanted.items() <= labels.items()
