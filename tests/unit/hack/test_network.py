"""The address plan, and when the host's own routes forbid it."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from hack.cluster.errors import UnmetNeedError
from hack.cluster.network import addresses_from, conflicts

USUAL = addresses_from({})


def test_the_usual_plan() -> None:
    """Node, host, first pod, API and DNS have the addresses that the documentation names."""
    assert USUAL.pods == IPv4Network("10.88.0.0/16")
    assert [str(one) for one in (USUAL.node, USUAL.host, USUAL.first_pod)] == [
        "10.88.0.1",
        "10.88.0.254",
        "10.88.1.1",
    ]
    assert (USUAL.api, USUAL.dns) == (IPv4Address("10.96.0.1"), IPv4Address("10.96.0.10"))
    assert USUAL.interface == "mmk8s0"


def test_another_network_has_another_interface() -> None:
    """Two clusters with different networks do not share a name, which may have 15 letters."""
    other = addresses_from({"MESHMIGRATE_POD_NETWORK": "10.214.0.0/16"})
    assert other.interface != USUAL.interface
    assert len(other.interface) <= 15


@pytest.mark.parametrize(
    "environ",
    [
        {"MESHMIGRATE_POD_NETWORK": "10.0.0.1"},
        {"MESHMIGRATE_POD_NETWORK": "pods"},
        {"MESHMIGRATE_SERVICE_NETWORK": "10.1.0.0/28"},
        {"MESHMIGRATE_SERVICE_NETWORK": "10.88.128.0/20"},
    ],
)
def test_unusable_networks_are_refused(environ: dict[str, str]) -> None:
    """No network, too small, overlapping: refused before anything is touched."""
    with pytest.raises(UnmetNeedError):
        addresses_from(environ)


@pytest.mark.parametrize(
    ("route", "conflicting"),
    [
        ("default", False),
        ("10.0.0.0/8", False),
        ("192.168.0.0/24", False),
        ("10.88.0.0/16", True),
        ("10.88.7.0/24", True),
        ("10.96.0.1", True),
    ],
)
def test_only_routes_inside_our_networks_conflict(route: str, conflicting: bool) -> None:
    """A wider route does no harm: ours are more specific."""
    assert bool(conflicts(USUAL, [{"dst": route, "dev": "eth0"}])) is conflicting
