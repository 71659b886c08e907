"""What the chart renders to, and the Jobs that the operator makes, as Kubernetes reads them."""

import json
from functools import cache

import kubernetes_validate
import pytest

from hack.chart_snapshots import CHART, SETS, Json, read_snapshot
from tests.unit.chart.runner_jobs import runner_jobs

VERSIONS = ["1.33", "1.34", "1.35", "1.36", "1.37"]
FOREIGN = {"PrometheusRule", "ServiceMonitor"}
"""Kubernetes has no schema of them: test_monitoring_objects.py holds them."""


@cache
def distinct_objects() -> list[Json]:
    """Give every object of every snapshot once, and the operator's Jobs."""
    bodies = [*runner_jobs(), *(body for values in SETS for body in read_snapshot(values))]
    distinct = {json.dumps(body, sort_keys=True): body for body in bodies}
    return [body for body in distinct.values() if body["kind"] not in FOREIGN]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str) -> None:
    """By the schemas of each version, strictly: no field that it does not know."""
    for body in distinct_objects():
        kubernetes_validate.validate(body, version, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    """The validation is not one that lets everything pass."""
    body = {**distinct_objects()[0]}
    body["spec"] = {**body["spec"], "backofLimit": 0}
    with pytest.raises(kubernetes_validate.ValidationError, match="backofLimit"):
        kubernetes_validate.validate(body, VERSIONS[-1], strict=True)


def test_the_chart_asks_for_the_oldest_of_these() -> None:
    """An older cluster is refused by Helm, with its version."""
    assert f'kubeVersion: ">={VERSIONS[0]}.0-0"' in (CHART / "Chart.yaml").read_text()


@pytest.mark.parametrize("values", SETS)
def test_nothing_is_named_twice(values: str) -> None:
    """Helm would take the last one."""
    names = [
        (body["kind"], body["metadata"].get("namespace"), body["metadata"]["name"])
        for body in read_snapshot(values)
    ]
    assert len(names) == len(set(names))


def test_one_pod_at_a_time_may_be_evicted_where_there_are_two() -> None:
    """A drained node never takes both; a single replica never blocks it."""
    budgets = {
        values: [body for body in read_snapshot(values) if body["kind"] == "PodDisruptionBudget"]
        for values in SETS
    }
    assert budgets.pop("one-replica") == []
    for (budget,) in budgets.values():
        assert budget["spec"]["maxUnavailable"] == 1


def test_cluster_wide_objects_are_only_where_all_namespaces_are_watched() -> None:
    """An installation in some namespaces needs no rights beyond them."""
    kinds = {body["kind"] for body in read_snapshot("some-namespaces")}
    assert not [kind for kind in kinds if kind.startswith(("Cluster", "CustomResource"))]
    assert {"ClusterRole", "ClusterRoleBinding"} <= {
        body["kind"] for body in read_snapshot("all-namespaces")
    }
