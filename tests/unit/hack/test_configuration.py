"""Command lines and files that the programs are started with."""

import json
from pathlib import Path

import pytest

from hack.cluster import components, configuration
from hack.cluster.network import addresses_from
from hack.cluster.paths import Cache
from hack.cluster.pki import Pki
from hack.cluster.supervision import NAMES


@pytest.fixture
def layout(cache: Cache) -> components.Layout:
    """Give a layout of folders that need not exist."""
    addresses = addresses_from({})
    folder = Path("/programs")
    return components.Layout(cache, addresses, Pki(cache, addresses), folder, folder, folder)


def test_every_program_is_started_and_watched(layout: components.Layout) -> None:
    """What is started is what a healthy cluster is made of, with containerd beside it."""
    parts = (components.control_plane, components.controllers, components.node)
    started = [component.name for part in parts for component in part(layout)]
    assert sorted([*started, "containerd"]) == sorted(NAMES)


def test_switches_are_written_as_programs_read_them(layout: components.Layout) -> None:
    """True and False become true and false, an address its text."""
    etcd, apiserver = components.control_plane(layout)
    assert "--unsafe-no-fsync=true" in etcd.argv
    assert "--bind-address=10.88.0.1" in apiserver.argv
    assert etcd.argv[0] == "/programs/etcd"


def test_a_lost_node_is_noticed_before_its_lease_is_due_again(layout: components.Layout) -> None:
    """The lease, renewed every quarter of its length, is well within the grace period."""
    manager, _ = components.controllers(layout)
    assert "--node-monitor-grace-period=12s" in manager.argv
    kubelet = json.loads(configuration.kubelet_configuration(layout))
    assert kubelet["nodeLeaseDurationSeconds"] < 12


def test_nothing_in_the_kubelet_waits_for_a_rate(layout: components.Layout) -> None:
    """Zero means no limit, for pulls and for events."""
    kubelet = json.loads(configuration.kubelet_configuration(layout))
    assert (kubelet["registryPullQPS"], kubelet["eventRecordQPS"]) == (0, 0)
    assert kubelet["clusterDNS"] == ["10.96.0.10"]


def test_dns_answers_only_on_the_node(layout: components.Layout) -> None:
    """Its Service leads to the address that the server binds."""
    assert "bind 10.88.0.1\n" in configuration.corefile(layout)
    items = {item["kind"]: item for item in json.loads(configuration.dns_objects(layout))["items"]}
    assert items["Service"]["spec"]["clusterIP"] == "10.96.0.10"
    assert items["EndpointSlice"]["endpoints"] == [{"addresses": ["10.88.0.1"]}]


def test_kube_proxy_changes_no_limit_of_the_host(layout: components.Layout) -> None:
    """Zero leaves the connection table's settings as they are."""
    proxy = json.loads(configuration.proxy_configuration(layout))
    assert set(proxy["conntrack"].values()) == {0, "0s"}
