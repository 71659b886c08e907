"""The trace that a run belongs to."""

from uuid import UUID, uuid4

import pytest

from meshmigrate.domain.trace_context import TraceContext, trace_id_of

GIVEN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}


def test_a_traceparent_is_read_and_written() -> None:
    """The example of the W3C's recommendation; a later version may have more fields."""
    context = TraceContext.parse(GIVEN)
    assert context is not None
    assert context.trace_id == "0af7651916cd43dd8448eb211c80319c"
    assert context.span_id == "b7ad6b7169203331"
    assert str(context) == GIVEN
    assert TraceContext.parse(f"01{GIVEN[2:]}-more") == context


@pytest.mark.parametrize(
    "text",
    [
        "",
        "none",
        GIVEN.upper(),
        f"ff{GIVEN[2:]}",
        f"{GIVEN}\n",
        GIVEN.replace("b7ad6b7169203331", "0" * 16),
        GIVEN.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
    ],
)
def test_what_is_no_traceparent_is_passed_over(text: str) -> None:
    """As if there were none: section 3.2.2 of the recommendation."""
    assert TraceContext.parse(text) is None


def test_a_run_without_a_parent_has_a_trace_of_its_own() -> None:
    """The same for all of its attempts, and another one for another run."""
    run = UUID("7f0c2f4e-5a0e-4d53-9d0f-6d1f0c2b7a11")
    context = TraceContext.of_run(run)
    assert TraceContext.parse(str(context)) == context == TraceContext.of_run(run)
    assert context.trace_id != TraceContext.of_run(uuid4()).trace_id


def test_a_run_has_a_trace_id_where_there_is_a_trace() -> None:
    """Given by whoever asked for it, or because a collector is named."""
    run = uuid4()
    assert trace_id_of(run, GIVEN, {}) == "0af7651916cd43dd8448eb211c80319c"
    assert trace_id_of(run, "", COLLECTOR) == TraceContext.of_run(run).trace_id
    assert trace_id_of(run, "", {}) == ""
