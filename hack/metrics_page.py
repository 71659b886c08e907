"""The page of the metrics, made from the operator's own registry, its alerts and its dashboard.

``python -m hack.metrics_page`` writes it anew; a test holds it against the code.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import yaml
from prometheus_client.core import Metric

from meshmigrate.observe.metrics import FinishedRun, Metrics, ResourceState

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "metrics.md"
CHART_FILES: Final = ROOT / "charts" / "meshmigrate" / "files"

_HEAD: Final = """\
# Metrics
The operator serves them at `/metrics` on port 8080, as Prometheus' text or as OpenMetrics,
whichever is asked for. Each counter is raised when the operator stores what it counts: add up
replicas and restarts with `sum(increase(...))`. What is shown of the resources comes from the
leader alone.

A counter lives in its process, and one that dies takes along what it had counted since it was
scraped last. Apart from that the end of each run is counted at least once: where an operator dies
as it stores an end, or does not hear that it was stored, it or its successor counts it then. Twice
only where one is replaced between counting an end and the resource's next write, which follows at
once, or with notifications once they are tried. Attempts to deliver a notification are counted at
most once. Where nothing may be missing ask the resources: `meshmigrate_migration_unhealthy`, on
which the alerts about migrations rest, forgets nothing.

The metrics have a label `namespace` of their own, the migration's: scrape with `honor_labels: true`
(the chart's ServiceMonitor does). Labels are bounded: a resource adds a series only while it needs
a person (`meshmigrate_migration_unhealthy`); namespaces, phases, outcomes and reasons are few.

`increase()` does not see the first of a series that was not there at the scrape before: of a
namespace's first run with some outcome and reason, `meshmigrate_runs_total` goes from nothing to 1.
Where each run counts, ask `meshmigrate_run_duration_seconds_count`, which is there from the start.

| metric | type | labels | what it tells |
|---|---|---|---|
"""
_ALERTS_HEAD: Final = """
## Alerts
`alerts.enabled=true` of the chart makes a PrometheusRule of them; without the Prometheus operator
load [the rule file](../charts/meshmigrate/files/alerts.yaml) itself (Prometheus 2.42 or newer).
`alerts.runbookBaseURL` is where you publish the runbooks; the alerts' `runbook_url` begins with it.

| alert | severity | after | runbook |
|---|---|---|---|
"""
_DASHBOARD_HEAD: Final = """
## Dashboard
`dashboard.enabled=true` of the chart makes a ConfigMap that Grafana's sidecar finds; or import
[the file](../charts/meshmigrate/files/dashboard.json).

| panel | what it tells | query |
|---|---|---|
"""
_LABELS: Final = {
    "code": "HTTP status of the answer, 0 where there was none",
    "database": "name of the database, empty until a runner has told it",
    "kind": "kind of the objects that are watched",
    "name": "name of the DatabaseMigration",
    "namespace": "namespace of the DatabaseMigration",
    "outcome": "how it ended: a run as in the table of outcomes; a notification as delivered, "
    "failed (tried again) or given_up",
    "phase": "the resource's `.status.phase`",
    "reason": "the documented reason, one word",
    "result": "success, conflict (somebody else wrote first), error (the API) or bug",
    "verb": "verb of the Kubernetes API",
    "version": "release of the operator",
}


def example() -> Metrics:
    """Give metrics that have seen one of everything."""
    metrics = Metrics("0")
    metrics.run_finished(FinishedRun("shop", "RolledBack", "StatementFailed", 1.0, 0.0, 0.5))
    metrics.show_queue(lambda: 0)
    metrics.show_event_ages(lambda: {"Job": 0.0})
    unhealthy = ResourceState("shop", "web", "web", "Failed", "StatementFailed", healthy=False)
    metrics.show_resources(lambda: [unhealthy])
    metrics.api_requests.labels("get", "200").inc()
    return metrics


def families(metrics: Metrics) -> Iterator[tuple[str, Metric, tuple[str, ...]]]:
    """Give each metric by the name of its series, with its labels."""
    for family in metrics.registry.collect():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        suffix = "_total" if family.type == "counter" else ""
        yield family.name + suffix, family, tuple(sorted(labels))


def panels() -> Iterator[tuple[str, str, list[str]]]:
    """Give the panels of the dashboard: title, what it tells, queries."""
    dashboard = json.loads((CHART_FILES / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            queries = [target["expr"] for target in panel["targets"]]
            yield panel["title"], panel["description"], queries


def make_page() -> str:
    """Give the page."""
    found = sorted(families(example()), key=lambda family: family[0])
    used = sorted({label for _, _, labels in found for label in labels})
    parts = (
        _HEAD,
        _lines(_metric_row(*family) for family in found),
        "\n| label | value |\n|---|---|\n",
        _lines(f"| `{label}` | {_LABELS[label]} |" for label in used),
        _ALERTS_HEAD,
        _lines(_alert_rows()),
        _DASHBOARD_HEAD,
        _lines(_panel_rows()),
    )
    return "".join(parts)


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _metric_row(name: str, family: Metric, labels: tuple[str, ...]) -> str:
    shown = ", ".join(f"`{label}`" for label in labels)
    return f"| `{name}` | {family.type} | {shown} | {family.documentation} |"


def _alert_rows() -> Iterator[str]:
    rules = yaml.safe_load((CHART_FILES / "alerts.yaml").read_text())["groups"][0]["rules"]
    for rule in rules:
        name, severity = rule["alert"], rule["labels"]["severity"]
        after = rule.get("for", "at once")
        yield f"| {name} | {severity} | {after} | [{name}](runbooks/{name}.md) |"


def _panel_rows() -> Iterator[str]:
    for title, told, queries in panels():
        shown = "<br>".join(f"`{query}`" for query in queries).replace("|", "\\|")
        yield f"| {title} | {told} | {shown} |"


if __name__ == "__main__":
    PAGE.write_text(make_page())
    sys.stdout.write(f"wrote {PAGE}\n")
