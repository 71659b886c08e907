"""Counting what ends."""

from typing import Final

import structlog

from meshmigrate.controller.notification import DELIVERED, UNWANTED
from meshmigrate.controller.observed import Key, ObservedResource
from meshmigrate.controller.run_status import LastRun
from meshmigrate.controller.status import Status
from meshmigrate.observe.metrics import FinishedRun, Metrics

_log: Final = structlog.get_logger(__name__)


def count_end(metrics: Metrics, key: Key, last: LastRun) -> None:
    """Count and log the end of a run."""
    metrics.run_finished(
        FinishedRun(
            namespace=key.namespace,
            outcome=last.outcome,
            reason=last.reason,
            duration_seconds=last.duration_seconds,
            lock_wait_seconds=last.lock_wait_seconds,
            statement_seconds=last.statement_seconds,
        )
    )
    _log.info(
        "run-finished",
        message=f"run {last.number} ended as {last.outcome}",
        resource=str(key),
        run=last.number,
        run_id=last.id,
        outcome=last.outcome,
        reason=last.reason,
        duration_seconds=last.duration_seconds,
    )


def count_notifications(metrics: Metrics, old: Status, resource: ObservedResource) -> None:
    """Count the attempts to deliver that a status which was just stored tells of."""
    stored = {entry.id: entry for entry in resource.status.notifications}
    for before in old.notifications:
        entry = stored.get(before.id)
        if not before.pending or entry == before:
            continue
        if entry is not None and entry.pending:
            metrics.notifications.labels("failed").inc()
        elif entry is not None and entry.state == DELIVERED:
            metrics.notifications.labels("delivered").inc()
        elif entry is None or entry.state != UNWANTED:
            _count_given_up(metrics, resource, before.channel)


def count_untold(metrics: Metrics, resource: ObservedResource) -> None:
    """Count what a resource that is gone had not told."""
    for entry in resource.status.notifications:
        if entry.pending:
            _count_given_up(metrics, resource, entry.channel)


def _count_given_up(metrics: Metrics, resource: ObservedResource, channel: str) -> None:
    metrics.notifications.labels("given_up").inc()
    _log.error("notification-given-up", resource=str(resource.key), channel=channel)
