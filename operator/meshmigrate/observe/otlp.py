"""Sending spans to a collector by OTLP over HTTP, with OpenTelemetry's own SDK.

The SDK reads its own variables: endpoint, headers, certificate, sampler, resource attributes.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Thread
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from meshmigrate.domain.trace_context import TraceContext
from meshmigrate.observe.traces import Attributes, PastSpan

_CLOSE_SECONDS: Final = 1.0
"""How long the end of a process waits for a collector."""
_QUEUED: Final = 8192
"""Spans; those that a slow collector does not take are dropped."""


class OTLPRecorder:
    """Makes spans, and sends them from a thread of its own.

    Parameters
    ----------
    own
        The trace of spans without a parent; None for a new one each time.
    """

    def __init__(self, own: TraceContext | None = None) -> None:
        # Its complaints go where the process logs, and to nobody on a command line.
        logging.getLogger("opentelemetry").addHandler(logging.NullHandler())
        name = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "meshmigrate"}
        self._ids = _Ids(own)
        self._provider = TracerProvider(
            resource=Resource.create(name), shutdown_on_exit=False, id_generator=self._ids
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=_QUEUED)
        )
        self._tracer = self._provider.get_tracer("meshmigrate")

    @contextmanager
    def span(
        self, name: str, attributes: Attributes, *, client: bool, parent: TraceContext | None
    ) -> Iterator["RecordedSpan"]:
        """Give a span for the block."""
        with self._tracer.start_as_current_span(
            name,
            context=_below(parent) if parent else None,
            kind=SpanKind.CLIENT if client else SpanKind.INTERNAL,
            attributes=attributes,
            # An exception's text may hold what a span is not to hold.
            record_exception=False,
            set_status_on_exception=False,
        ) as made:
            yield RecordedSpan(made)

    def record(self, past: PastSpan) -> None:
        """Send a span of the past."""
        with self._ids.next_is(past.own):
            made = self._tracer.start_span(
                past.name,
                context=_below(past.parent) if past.parent else Context(),
                attributes=past.attributes,
                start_time=_nanoseconds(past.began),
            )
        if past.failed:
            RecordedSpan(made).fail(past.failed)
        made.end(_nanoseconds(past.ended))

    def close(self) -> None:
        """Send what is left; a collector that does not answer is not waited for."""
        closing = Thread(target=self._provider.shutdown, name="traces", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)


class RecordedSpan:
    """A span that is sent when it ends."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def tell(self, attributes: Attributes) -> None:
        """Add attributes."""
        self._span.set_attributes(attributes)

    def fail(self, why: str, sqlstate: str = "") -> None:
        """Mark it, by ``error.type`` and ``db.response.status_code``."""
        self._span.set_status(Status(StatusCode.ERROR, why))
        self._span.set_attribute("error.type", sqlstate or why)
        if sqlstate:
            self._span.set_attribute("db.response.status_code", sqlstate)


class _Ids(RandomIdGenerator):
    """Random ids, but where they are known before."""

    def __init__(self, own: TraceContext | None) -> None:
        self._own = own
        self._next: TraceContext | None = None

    @contextmanager
    def next_is(self, context: TraceContext) -> Iterator[None]:
        """Let the span that begins in the block be one that others know already."""
        self._next = context
        try:
            yield
        finally:
            self._next = None

    def generate_trace_id(self) -> int:
        """Give the trace of a span without a parent."""
        known = self._next or self._own
        return int(known.trace_id, 16) if known else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """Give the id of a span."""
        return int(self._next.span_id, 16) if self._next else super().generate_span_id()


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e6) * 1000


def _below(parent: TraceContext) -> Context:
    above = SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(int(parent.flags, 16)),
    )
    return set_span_in_context(NonRecordingSpan(above), Context())
