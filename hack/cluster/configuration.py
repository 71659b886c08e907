"""Configuration files of the cluster's programs, and what DNS needs in the cluster."""

import json

from hack.cluster.components import Layout
from hack.cluster.pki import NODE_NAME


def kubelet_configuration(layout: Layout) -> str:
    """Give the kubelet's configuration file."""
    certificate, key = layout.pki.pair("kubelet")
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": str(layout.addresses.node),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(layout.pki.ca)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(certificate),
            "tlsPrivateKeyFile": str(key),
            "containerRuntimeEndpoint": f"unix://{layout.cache.socket}",
            "clusterDomain": "cluster.local",
            "clusterDNS": [str(layout.addresses.dns)],
            "resolvConf": str(layout.cache.state / "resolv.conf"),
            # What works on hosts with either version of cgroups, with and without systemd.
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "makeIPTablesUtilChains": False,
            # Lowering it needs CAP_SYS_RESOURCE, which a container around us may lack.
            "oomScoreAdj": 0,
            # Images only come by import: what the kubelet collected would be lost.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {
                "imagefs.available": "0%",
                "memory.available": "0%",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
            },
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
            # A lost node is noticed after 12 s: the lease must be renewed well within.
            "nodeLeaseDurationSeconds": 8,
            "nodeStatusUpdateFrequency": "4s",
        },
        indent=2,
    )


def proxy_configuration(layout: Layout) -> str:
    """Give kube-proxy's configuration file."""
    return json.dumps(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clientConnection": {"kubeconfig": str(layout.pki.kubeconfig("proxy"))},
            "hostnameOverride": NODE_NAME,
            "mode": "nftables",
            "nftables": {"minSyncPeriod": "100ms"},
            "clusterCIDR": str(layout.addresses.pods),
            "healthzBindAddress": "127.0.0.1:10256",
            # Global limits of the kernel are not ours to change, nor writable from here.
            "conntrack": {
                "maxPerCore": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
            "oomScoreAdj": 0,
        },
        indent=2,
    )


def corefile(layout: Layout) -> str:
    """Give the DNS server's configuration: names of the cluster, and no others."""
    return f"""\
.:53 {{
    bind {layout.addresses.node}
    errors
    health 127.0.0.1:8080
    ready 127.0.0.1:8181
    cache 5
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {layout.pki.kubeconfig("coredns")}
    }}
}}
"""


def dns_objects(layout: Layout) -> str:
    """Give what DNS needs in the cluster: its rights, and a Service that leads to it."""
    service = {"name": "kube-dns", "namespace": "kube-system"}
    ports = [
        {"name": f"dns-{kind.lower()}", "port": 53, "protocol": kind} for kind in ("UDP", "TCP")
    ]
    rules = [
        {
            "apiGroups": [""],
            "resources": ["endpoints", "services", "pods", "namespaces"],
            "verbs": ["list", "watch"],
        },
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["list", "watch"],
        },
    ]
    api = "rbac.authorization.k8s.io"
    name = {"name": "system:coredns"}
    items = [
        {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": name, "rules": rules},
        {
            "apiVersion": f"{api}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": name,
            "roleRef": {"apiGroup": api, "kind": "ClusterRole", **name},
            "subjects": [{"apiGroup": api, "kind": "User", **name}],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {**service, "labels": {"k8s-app": "kube-dns"}},
            "spec": {"clusterIP": str(layout.addresses.dns), "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**service, "labels": {"kubernetes.io/service-name": "kube-dns"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [str(layout.addresses.node)]}],
            "ports": ports,
        },
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
