"""Traces: a run in the cluster is below the span that its resource names."""

import asyncio
from collections.abc import Iterator
from uuid import UUID

import pytest
from structlog.contextvars import clear_contextvars, get_contextvars

from meshmigrate.controller import names
from meshmigrate.controller.log_context import speak_of
from meshmigrate.controller.observed import Json, observe_resource
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.trace_context import TraceContext, variables_of_runners
from meshmigrate.observe.traces import recording
from tests.scripted.collector import Collector, collecting
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import Operator, ends_with, play
from tests.unit.controller.scripted_cluster import Clock, ScriptedCluster, resource_body

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Give a collector that this process sends its spans to."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        yield collector


def variables(pod: Json) -> dict[str, str]:
    """Give the environment of a pod's container."""
    environment = pod["spec"]["containers"][0]["env"]
    return {each["name"]: each["value"] for each in environment}


def asked_for(traceparent: str) -> Json:
    """Give a resource that names its parent."""
    body = resource_body()
    body["metadata"]["annotations"] = {names.TRACEPARENT_ANNOTATION: traceparent}
    return body


def ended(body: Json, outcome: Outcome, url: str = "") -> tuple[ScriptedCluster, str]:
    """Play the run of a resource to its end; give what its runner was told to be below, too."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(body)
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": url} if url else {}
    with recording():
        asyncio.run(play(Operator(cluster, environment), [ends_with(outcome)]))
    return cluster, cluster.told_to(cluster.created_jobs[0]).traceparent


def test_a_run_is_below_the_span_that_the_resource_names(collector: Collector) -> None:
    """The run's span is the parent of each step and of the runner's; the status has the trace."""
    cluster, told = ended(asked_for(TRACEPARENT), Outcome.SUCCEEDED, collector.url)
    last = cluster.body()["status"]["lastRun"]
    assert last["traceId"] == TRACE
    assert {span.trace_id for span in collector.spans} == {TRACE}
    (run,) = collector.named("migration")
    assert (run.parent_id, run.failed) == (SPAN, False)
    assert run.attributes["meshmigrate.run.id"] == last["id"]
    assert told == f"00-{TRACE}-{run.span_id}-01"
    steps = collector.named("reconcile")
    assert {span.parent_id for span in steps} == {run.span_id}
    assert {"WriteStatus", "CreateJob"} <= {it.attributes["meshmigrate.step"] for it in steps}
    assert run.nanoseconds >= 0


def test_a_run_without_a_parent_is_a_trace_of_its_own(collector: Collector) -> None:
    """Known from its id, so that every attempt and every operator gives it the same one."""
    cluster, told = ended(resource_body(), Outcome.ROLLED_BACK, collector.url)
    last = cluster.body()["status"]["lastRun"]
    own = TraceContext.of_run(UUID(last["id"]))
    assert (told, last["traceId"]) == (str(own), own.trace_id)
    (run,) = collector.named("migration")
    assert (run.trace_id, run.span_id, run.parent_id) == (own.trace_id, own.span_id, "")
    assert run.failed
    assert run.attributes["error.type"] == "RolledBack"


def test_without_a_collector_a_given_trace_is_still_named() -> None:
    """In the status and in the runner's lines, so that logs are found by it."""
    cluster, told = ended(asked_for(TRACEPARENT), Outcome.SUCCEEDED)
    assert cluster.body()["status"]["lastRun"]["traceId"] == TRACE
    assert told.startswith(f"00-{TRACE}-")


def test_without_a_collector_and_a_parent_there_is_no_trace() -> None:
    """Neither in the status nor in the run spec; what is no traceparent is none."""
    for body in (resource_body(), asked_for("nonsense")):
        cluster, told = ended(body, Outcome.SUCCEEDED)
        assert told == ""
        assert "traceId" not in cluster.body()["status"]["lastRun"]


def test_lines_of_the_operator_name_the_trace(started: Story) -> None:
    """Of the run in flight, and of the latest one of a resource at rest."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(asked_for(TRACEPARENT))
    operator = Operator(cluster)
    asyncio.run(operator.look())
    assert "currentRun" in cluster.body()["status"]
    speak_of(observe_resource(cluster.body()))
    assert get_contextvars()["trace_id"] == TRACE
    asyncio.run(play(operator, [ends_with(Outcome.SUCCEEDED)]))
    speak_of(observe_resource(cluster.body()))
    assert get_contextvars()["trace_id"] == TRACE
    speak_of(observe_resource(started.cluster.body()))
    assert "trace_id" not in get_contextvars()
    clear_contextvars()


def test_another_parent_starts_no_run_and_moves_none(started: Story) -> None:
    """A CI job that applies the same files again has nothing to wait for."""
    run = started.status["currentRun"]
    started.cluster.annotate(names.TRACEPARENT_ANNOTATION, TRACEPARENT)
    started.look()
    assert started.status["currentRun"] == run
    started.run()
    started.finish()
    assert started.status["runNumber"] == 1
    assert "traceId" not in started.status["lastRun"]


def test_the_runner_sends_its_spans_where_the_operator_does() -> None:
    """Without headers and passwords: who may read Jobs would read them."""
    given = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://user:secret@collector:4318/v1/traces",
        "OTEL_TRACES_SAMPLER": "",
        "HOME": "/root",
    }
    passed = variables_of_runners(given)
    assert passed == {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
    cluster = ScriptedCluster(Clock())
    cluster.apply(resource_body())
    asyncio.run(Operator(cluster, passed).look())
    (job,) = cluster.jobs.values()
    found = variables(job["spec"]["template"])
    assert passed.items() <= found.items()
    assert found["HOME"] != "/root"
