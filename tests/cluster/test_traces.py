"""Traces as the chart turns them on: the image has what they need, and the collector gets them."""

from collections.abc import Iterator

import pytest

from tests.cluster.kubernetes import eventually
from tests.cluster.release import install
from tests.cluster.tenant import DATABASE_NAMESPACE, Tenant
from tests.cluster.test_notifications import listening as listening  # noqa: PLC0414  a fixture
from tests.cluster.test_notifications import posted

PARENT = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
"""A trace and a span of somebody's CI (the example of W3C Trace Context)."""


@pytest.fixture
def traced(listening: Tenant) -> Iterator[Tenant]:
    """Give a tenant whose operator was told of a collector."""
    collector = f"http://sink.{DATABASE_NAMESPACE}.svc"
    install(listening.cluster, traces={"endpoint": collector})
    yield listening
    install(listening.cluster)


def test_a_run_and_its_statements_are_in_the_trace_of_who_applied_it(traced: Tenant) -> None:
    """Spans of the operator and of the runner; the status names the trace."""
    tenant = traced
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    annotation = f"migrations.meshhook.dev/traceparent=00-{PARENT[0]}-{PARENT[1]}-01"
    tenant.apply(suspend=True)
    tenant.cluster.kubectl("-n", tenant.name, "annotate", "dbmigration/web", annotation)
    tenant.patch(suspend=False)
    assert tenant.wait("Ready")["lastRun"]["traceId"] == PARENT[0]

    def names() -> set[str]:
        spans = [span for sent in posted(tenant, "/v1/traces") for span in sent]
        return {name for name, trace in spans if trace == PARENT[0]}

    wanted = {"migration", "reconcile", "run", "attempt", "file", "CREATE TABLE"}
    eventually("all spans", lambda: names() >= wanted)
