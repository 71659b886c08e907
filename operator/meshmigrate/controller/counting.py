"""Counting the runs that end: at the moment their end is stored, and only then."""

from typing import Final

import structlog

from meshmigrate.controller.observed import ObservedResource
from meshmigrate.controller.status import Status
from meshmigrate.observe.metrics import FinishedRun, Metrics

_log: Final = structlog.get_logger(__name__)


def count_end(metrics: Metrics, old: Status, resource: ObservedResource) -> None:
    """Count and log the end of a run, if a status that was just stored has a new one."""
    last = resource.status.last_run
    if last is None or last == old.last_run:
        return
    metrics.run_finished(
        FinishedRun(
            namespace=resource.key.namespace,
            outcome=last.outcome,
            reason=last.reason,
            duration_seconds=last.duration_seconds,
            lock_wait_seconds=last.lock_wait_seconds,
        )
    )
    _log.info(
        "run-finished",
        message=f"run {last.number} ended as {last.outcome}",
        resource=str(resource.key),
        run=last.number,
        run_id=last.id,
        outcome=last.outcome,
        reason=last.reason,
        duration_seconds=last.duration_seconds,
    )
