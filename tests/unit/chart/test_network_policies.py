"""The rendered policies, evaluated against the connections that are needed and those that are not.

Evaluated, not enforced: where no controller enforces policies, a real connection proves nothing.
"""

import pytest

from hack.chart_snapshots import NAMESPACE, SETS, Json, read_snapshot
from tests.unit.chart.network_flows import Flow, Peer, lets_through
from tests.unit.chart.runner_jobs import job_of
from tests.unit.controller.scripted_cluster import SPEC

API_SERVER = Peer(address="10.0.0.1")
DNS = Peer("kube-system", {"k8s-app": "kube-dns"})
PROMETHEUS = Peer("monitoring", {"app": "prometheus"})
DATABASE = Peer("web", {"app": "postgres"}, "10.2.0.9")
OUTER_DATABASE = Peer(address="10.1.2.3")
STRANGER = Peer("other", {"app": "stranger"}, "10.2.0.8")
WORLD = Peer(address="198.51.100.7")


def objects(values: str, kind: str) -> list[Json]:
    """Give the objects of a kind in a snapshot."""
    return [body for body in read_snapshot(values) if body["kind"] == kind]


def operator_of(values: str) -> Peer:
    """Give the operator's pod as its Deployment makes it."""
    (deployment,) = objects(values, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    return Peer(NAMESPACE, labels, "10.2.0.1")


def runner_in(namespace: str) -> Peer:
    """Give a runner's pod as the operator makes it."""
    return Peer(namespace, job_of(SPEC)["spec"]["template"]["metadata"]["labels"], "10.2.0.2")


def needed(values: str) -> list[Flow]:
    """Give what must be possible."""
    operator, runner = operator_of(values), runner_in("web")
    return [
        Flow(operator, API_SERVER, 6443),
        Flow(operator, DNS, 53, protocol="UDP"),
        Flow(operator, DNS, 53),
        Flow(PROMETHEUS, operator, 8080, "metrics"),
        Flow(runner, DNS, 53, protocol="UDP"),
        Flow(runner, DNS, 53),
        Flow(runner, DATABASE, 5432),
        Flow(runner, OUTER_DATABASE, 5432),
    ]


def not_needed(values: str) -> list[Flow]:
    """Give what nobody needs, whatever the peers are."""
    operator, runner = operator_of(values), runner_in("web")
    return [
        Flow(operator, DATABASE, 5432),
        Flow(operator, WORLD, 80),
        Flow(operator, runner, 8080),
        Flow(PROMETHEUS, operator, 22),
        Flow(runner, API_SERVER, 6443),
        Flow(runner, operator, 8080, "metrics"),
        Flow(runner, WORLD, 80),
        Flow(STRANGER, runner, 5432),
        Flow(DATABASE, runner, 22),
    ]


CLOSED = [values for values in SETS if objects(values, "NetworkPolicy")]


def test_there_are_policies_where_they_are_asked_for() -> None:
    """With peers and without; and none where nobody asked."""
    assert CLOSED == ["closed-network", "organisation"]


@pytest.mark.parametrize("values", CLOSED)
def test_what_is_needed_is_possible(values: str) -> None:
    """The operator does its work, the runner too, and Prometheus scrapes."""
    policies = objects(values, "NetworkPolicy")
    assert [flow for flow in needed(values) if not lets_through(policies, flow)] == []


@pytest.mark.parametrize("values", CLOSED)
def test_what_is_not_needed_is_impossible(values: str) -> None:
    """Default deny, in both directions."""
    policies = objects(values, "NetworkPolicy")
    assert [flow for flow in not_needed(values) if lets_through(policies, flow)] == []


def test_notifications_reach_services_where_there_are_channels() -> None:
    """Only the operator's, and only at the ports that are said."""
    channels, none = operator_of("organisation"), operator_of("closed-network")
    assert lets_through(objects("organisation", "NetworkPolicy"), Flow(channels, WORLD, 443))
    assert lets_through(objects("organisation", "NetworkPolicy"), Flow(channels, WORLD, 587))
    assert not lets_through(objects("closed-network", "NetworkPolicy"), Flow(none, WORLD, 587))
    runner = runner_in("web")
    assert not lets_through(objects("organisation", "NetworkPolicy"), Flow(runner, WORLD, 443))


def test_spans_reach_the_collector_where_there_is_one() -> None:
    """The operator's and the runners', and nobody else at its port."""
    collector, values = Peer("observability", {"app": "collector"}, "10.2.0.7"), "closed-network"
    policies = objects(values, "NetworkPolicy")
    for sender in (operator_of(values), runner_in("web")):
        assert lets_through(policies, Flow(sender, collector, 4318))
        assert not lets_through(policies, Flow(sender, WORLD, 4318))
    policies = objects("organisation", "NetworkPolicy")
    for sender in (operator_of("organisation"), runner_in("web")):
        assert not lets_through(policies, Flow(sender, collector, 4318))


def test_named_peers_are_the_only_ones() -> None:
    """With `to` and `from` the right port alone is not enough."""
    values = "closed-network"
    policies = objects(values, "NetworkPolicy")
    operator, runner = operator_of(values), runner_in("web")
    elsewhere = [
        Flow(operator, WORLD, 6443),
        Flow(operator, STRANGER, 53),
        Flow(STRANGER, operator, 8080, "metrics"),
        Flow(runner, WORLD, 5432),
        Flow(runner, STRANGER, 5432),
    ]
    assert [flow for flow in elsewhere if lets_through(policies, flow)] == []


def test_where_all_namespaces_are_watched_runners_are_closed_in_by_name() -> None:
    """A namespace that is not listed has no policy of the chart's."""
    policies = objects("organisation", "NetworkPolicy")
    assert not lets_through(policies, Flow(runner_in("shop"), WORLD, 80))
    assert lets_through(policies, Flow(runner_in("third"), WORLD, 80))
