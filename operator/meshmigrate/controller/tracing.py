"""The operator's spans: a run from its start to its end, and each step that is taken for it."""

from contextlib import AbstractContextManager
from typing import Final

from meshmigrate.controller.clock import parse_time
from meshmigrate.controller.decide import Step, WriteStatus
from meshmigrate.controller.observed import ObservedResource
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.trace_context import TraceContext
from meshmigrate.observe.traces import Attributes, PastSpan, Span, record, span, unseen

_WELL: Final = {Outcome.SUCCEEDED, Outcome.UP_TO_DATE, Outcome.AWAITING_APPROVAL}


def step_span(resource: ObservedResource, step: Step) -> AbstractContextManager[Span]:
    """Give the span of a step, below that of the run it is for; none where there is no run."""
    run = resource.status.current_run
    if run is None and isinstance(step, WriteStatus):
        run = step.status.current_run
    trace = TraceContext.parse(run.traceparent) if run else None
    if run is None or trace is None:
        return unseen()

    def told() -> Attributes:
        return {
            "meshmigrate.step": type(step).__name__,
            "meshmigrate.resource": str(resource.key),
            "meshmigrate.run.id": run.id,
            "meshmigrate.run.attempt": run.attempt,
        }

    return span("reconcile", told, parent=trace)


def trace_end(before: ObservedResource, stored: Status) -> None:
    """Send the span of a run whose end was just stored; those of its attempts are below it."""
    run, last = before.status.current_run, stored.last_run
    trace = TraceContext.parse(run.traceparent) if run else None
    if run is None or trace is None or last is None or last.id != run.id:
        return
    given = before.traceparent
    record(
        PastSpan(
            name="migration",
            attributes={
                "meshmigrate.resource": str(before.key),
                "meshmigrate.run.id": run.id,
                "meshmigrate.outcome": last.outcome,
                "meshmigrate.reason": last.reason,
            },
            own=trace,
            parent=given if given and given.trace_id == trace.trace_id else None,
            began=parse_time(run.started_at),
            ended=max(parse_time(last.finished_at), parse_time(run.started_at)),
            failed="" if last.outcome in _WELL else last.outcome,
        )
    )
