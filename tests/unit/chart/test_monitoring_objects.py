"""The Prometheus operator's kinds, of which Kubernetes has no schema: strictly as that has them."""

import re
import subprocess
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from msgspec import Meta, Struct, ValidationError, convert

from hack.chart_snapshots import SETS, Json, read_snapshot

Duration = Annotated[str, Meta(pattern=r"^(\d+[ywdhms]|\d+ms)+$")]


class _Known(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True): ...


class Metadata(_Known, frozen=True, kw_only=True):
    """What the chart gives to every object."""

    name: str
    namespace: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class Selector(_Known, frozen=True, kw_only=True):
    """A label selector by equality."""

    match_labels: dict[str, str]


class Namespaces(_Known, frozen=True, kw_only=True):
    """Where a ServiceMonitor looks for Services."""

    match_names: list[str]


class Endpoint(_Known, frozen=True, kw_only=True):
    """What is scraped (Prometheus operator, API reference, Endpoint), as far as it is used."""

    port: str
    interval: Duration
    honor_labels: bool = False


class ScrapeSpec(_Known, frozen=True, kw_only=True):
    """The spec of a ServiceMonitor (the same, ServiceMonitorSpec)."""

    selector: Selector
    endpoints: list[Endpoint]
    namespace_selector: Namespaces


class ServiceMonitor(_Known, frozen=True, kw_only=True):
    """A ServiceMonitor."""

    api_version: Literal["monitoring.coreos.com/v1"]
    kind: Literal["ServiceMonitor"]
    metadata: Metadata
    spec: ScrapeSpec


class RuleSpec(_Known, frozen=True, kw_only=True):
    """The spec of a PrometheusRule: a file of rules as Prometheus reads it."""

    groups: list[dict[str, Any]]


class PrometheusRule(_Known, frozen=True, kw_only=True):
    """A PrometheusRule."""

    api_version: Literal["monitoring.coreos.com/v1"]
    kind: Literal["PrometheusRule"]
    metadata: Metadata
    spec: RuleSpec


def rendered(kind: str) -> list[tuple[str, Json]]:
    """Give the objects of a kind, each with the name of its set of values."""
    found = [(values, body) for values in SETS for body in read_snapshot(values)]
    chosen = [(values, body) for values, body in found if body["kind"] == kind]
    assert chosen
    return chosen


def test_a_service_monitor_scrapes_the_service_that_there_is() -> None:
    """By labels, namespace and port that its Service has, and with no field that nobody knows."""
    for values, body in rendered("ServiceMonitor"):
        monitor = convert(body, ServiceMonitor)
        (service,) = (each for each in read_snapshot(values) if each["kind"] == "Service")
        assert monitor.spec.selector.match_labels.items() <= service["metadata"]["labels"].items()
        assert monitor.spec.namespace_selector.match_names == [service["metadata"]["namespace"]]
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {endpoint.port for endpoint in monitor.spec.endpoints} == ports


def test_the_rules_are_read_by_prometheus(tmp_path: Path) -> None:
    """Promtool refuses an unknown field, a duration or an expression that is none."""
    for values, body in rendered("PrometheusRule"):
        rule = convert(body, PrometheusRule)
        assert checked(tmp_path / f"{values}.yaml", rule.spec.groups) == ""


def test_a_misspelt_field_would_be_found(tmp_path: Path) -> None:
    """At each level, in both kinds."""
    _, monitor = rendered("ServiceMonitor")[0]
    (endpoint,) = monitor["spec"]["endpoints"]
    for wrong in ({"intervall": "30s"}, {"interval": "30 seconds"}):
        spec = {**monitor["spec"], "endpoints": [{**endpoint, **wrong}]}
        with pytest.raises(ValidationError):
            convert({**monitor, "spec": spec}, ServiceMonitor)
    _, rule = rendered("PrometheusRule")[0]
    (group, *_) = rule["spec"]["groups"]
    first = {**group["rules"][0], "four": "1m"}
    said = checked(tmp_path / "wrong.yaml", [{**group, "rules": [first]}])
    assert re.search(r"field four not found", said)


def checked(file: Path, groups: list[Json]) -> str:
    """Let promtool check rules; give what it found."""
    file.write_text(yaml.safe_dump({"groups": groups}))
    command = ["promtool", "check", "rules", "--lint-fatal", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
