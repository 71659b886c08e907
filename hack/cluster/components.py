"""The cluster's programs and their command lines.

Limits and periods are chosen so that a test waits for its subject and not for a rate limit
or a default made for a thousand nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hack.cluster.network import Addresses
from hack.cluster.paths import Cache
from hack.cluster.pki import NODE_NAME, Pki


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the control plane listens."""

    api: int = 6443
    etcd: int = 2379
    etcd_peers: int = 2380


@dataclass(frozen=True, slots=True)
class Component:
    """A program of the cluster."""

    name: str
    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """What command lines are made of."""

    cache: Cache
    addresses: Addresses
    pki: Pki
    kubernetes: Path
    containerd: Path
    coredns: Path
    ports: Ports = Ports()

    def component(self, name: str, folder: Path, flags: Mapping[str, object]) -> Component:
        """One program with its flags."""
        words = [f"--{flag}={_word(value)}" for flag, value in flags.items()]
        return Component(name, (str(folder / name), *words))


def control_plane(layout: Layout) -> list[Component]:
    """Give etcd and the API server."""
    pki, addresses = layout.pki, layout.addresses
    certificate, key = pki.pair("apiserver")
    client, client_key = pki.pair("kubelet-client")
    store = f"http://127.0.0.1:{layout.ports.etcd}"
    etcd = layout.component(
        "etcd",
        layout.kubernetes,
        {
            "data-dir": layout.cache.state / "etcd",
            "listen-client-urls": store,
            "advertise-client-urls": store,
            "listen-peer-urls": f"http://127.0.0.1:{layout.ports.etcd_peers}",
            # Every fresh cluster starts from an empty store: there is nothing to lose.
            "unsafe-no-fsync": True,
        },
    )
    apiserver = layout.component(
        "kube-apiserver",
        layout.kubernetes,
        {
            "etcd-servers": store,
            "bind-address": addresses.node,
            "advertise-address": addresses.node,
            "secure-port": layout.ports.api,
            "service-cluster-ip-range": addresses.services,
            "authorization-mode": "Node,RBAC",
            # The second as OpenShift has it: whoever blocks a deletion needs the right to.
            "enable-admission-plugins": "NodeRestriction,OwnerReferencesPermissionEnforcement",
            "allow-privileged": True,
            "token-auth-file": pki.tokens,
            "client-ca-file": pki.ca,
            "tls-cert-file": certificate,
            "tls-private-key-file": key,
            "kubelet-certificate-authority": pki.ca,
            "kubelet-client-certificate": client,
            "kubelet-client-key": client_key,
            # By name, logs and exec would need a DNS that knows the node.
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
            "service-account-key-file": pki.folder / "service-account.pub",
            "service-account-signing-key-file": pki.pair("service-account")[1],
            "default-unreachable-toleration-seconds": 5,
            "default-not-ready-toleration-seconds": 30,
        },
    )
    return [etcd, apiserver]


def controllers(layout: Layout) -> list[Component]:
    """Give the programs that only talk to the API server."""
    pki = layout.pki
    manager = layout.component(
        "kube-controller-manager",
        layout.kubernetes,
        {
            "kubeconfig": pki.kubeconfig("controller-manager"),
            "bind-address": "127.0.0.1",
            "leader-elect": False,
            "root-ca-file": pki.ca,
            "service-account-private-key-file": pki.pair("service-account")[1],
            # Without it one identity would need the rights of all controllers.
            "use-service-account-credentials": True,
            "node-monitor-period": "1s",
            "node-monitor-grace-period": "12s",
            "kube-api-qps": 200,
            "kube-api-burst": 400,
        },
    )
    scheduler = layout.component(
        "kube-scheduler",
        layout.kubernetes,
        {
            "kubeconfig": pki.kubeconfig("scheduler"),
            "bind-address": "127.0.0.1",
            "leader-elect": False,
            "kube-api-qps": 200,
            "kube-api-burst": 400,
        },
    )
    return [manager, scheduler]


def node(layout: Layout) -> list[Component]:
    """Give what runs on every node, and the DNS server."""
    pki, cache = layout.pki, layout.cache
    kubelet = layout.component(
        "kubelet",
        layout.kubernetes,
        {
            "config": cache.state / "kubelet.json",
            "kubeconfig": pki.kubeconfig("kubelet"),
            "hostname-override": NODE_NAME,
            "node-ip": layout.addresses.node,
        },
    )
    proxy = layout.component(
        "kube-proxy", layout.kubernetes, {"config": cache.state / "kube-proxy.json"}
    )
    coredns = Component(
        "coredns", (str(layout.coredns / "coredns"), "-conf", str(cache.state / "Corefile"))
    )
    return [kubelet, proxy, coredns]


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
