"""What others build on: names, types and labels of the metrics, and how many series there are."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from hack.metrics_page import PAGE, example, families, make_page
from meshmigrate.observe.metrics import FinishedRun, Metrics, ResourceState

CONTRACT = {
    "meshmigrate_api_requests_total": ("counter", ("code", "verb")),
    "meshmigrate_build_info": ("gauge", ("version",)),
    "meshmigrate_event_age_seconds": ("gauge", ("kind",)),
    "meshmigrate_leader": ("gauge", ()),
    "meshmigrate_lock_wait_seconds": ("histogram", ()),
    "meshmigrate_migration_unhealthy": (
        "gauge",
        ("database", "name", "namespace", "phase", "reason"),
    ),
    "meshmigrate_migrations": ("gauge", ("namespace", "phase")),
    "meshmigrate_notifications_total": ("counter", ("outcome",)),
    "meshmigrate_queue_depth": ("gauge", ()),
    "meshmigrate_queue_latency_seconds": ("histogram", ()),
    "meshmigrate_reconcile_duration_seconds": ("histogram", ()),
    "meshmigrate_reconcile_total": ("counter", ("result",)),
    "meshmigrate_rollbacks_total": ("counter", ("outcome",)),
    "meshmigrate_run_duration_seconds": ("histogram", ()),
    "meshmigrate_statement_seconds": ("histogram", ()),
    "meshmigrate_runs_total": ("counter", ("namespace", "outcome", "reason")),
}


def test_names_types_and_labels_are_as_promised() -> None:
    """Alerts and dashboards of others rest on them: a change here is a change for them."""
    found = {name: (family.type, labels) for name, family, labels in families(example())}
    assert found == CONTRACT


def test_the_page_of_the_metrics_is_the_one_the_code_gives() -> None:
    """`make schemas` writes it anew."""
    assert PAGE.read_text() == make_page()


def test_both_formats_can_be_read() -> None:
    """As Prometheus' text and as OpenMetrics, with the same families."""
    registry = example().registry
    plain_encoder, _ = choose_encoder("text/plain")
    open_encoder, _ = choose_encoder("application/openmetrics-text; version=1.0.0")
    plain = {family.name for family in read_text(plain_encoder(registry).decode())}
    # prometheus_client has no types for its parser of OpenMetrics.
    lines = open_encoder(registry).decode()
    opened = {family.name for family in read_openmetrics(lines)}  # type: ignore[no-untyped-call]
    assert opened == {name.removesuffix("_total") for name in CONTRACT}
    assert {name.removesuffix("_created") for name in plain} == opened


def series(metrics: Metrics) -> int:
    """Count the series of a scrape."""
    return sum(len(family.samples) for family in metrics.registry.collect())


@pytest.mark.parametrize("count", [1, 1000])
def test_healthy_resources_and_their_runs_add_no_series(count: int) -> None:
    """A thousand names are as many series as one: only namespaces, phases and reasons count."""
    metrics = Metrics("1")
    states: list[ResourceState] = []
    metrics.show_resources(lambda: states)
    metrics.run_finished(FinishedRun("shop", "Succeeded", "Succeeded", 1.0, 0.0, 0.5))
    states.append(ResourceState("shop", "first", "first", "Succeeded", "Succeeded", healthy=True))
    before = series(metrics)
    for _ in range(count):
        name = uuid4().hex
        states.append(ResourceState("shop", name, name, "Succeeded", "Succeeded", healthy=True))
        metrics.run_finished(FinishedRun("shop", "Succeeded", "Succeeded", 1.0, 0.0, 0.5))
    assert series(metrics) == before


def unhealthy(count: int) -> Iterator[ResourceState]:
    """Give resources that need a person."""
    for number in range(count):
        yield ResourceState("shop", f"n{number}", "db", "Failed", "SyntaxError", healthy=False)


def test_a_resource_that_needs_a_person_has_one_series_while_it_does() -> None:
    """The one place where a name is a label, as the page says."""
    metrics = Metrics("1")
    states = [*unhealthy(10)]
    metrics.show_resources(lambda: states)
    with_ten = series(metrics)
    states[:] = [*unhealthy(9)]
    assert series(metrics) == with_ten - 1
