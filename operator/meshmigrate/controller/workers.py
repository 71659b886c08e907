"""The workers of the queue: they reconcile, they retry, and they tell whether they still live."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.log_context import speak_of_key
from meshmigrate.controller.observed import Key
from meshmigrate.controller.port import ClusterError, ClusterPort, Conflict
from meshmigrate.controller.work_queue import WorkQueue
from meshmigrate.observe.metrics import Metrics

RESYNC_SECONDS: Final = 60.0
STUCK_SECONDS: Final = 300.0
"""No reconciliation takes so long: twenty steps of at most four requests of 15 s do not happen."""

_log = structlog.get_logger(__name__)

Reconcile = Callable[[Key], Awaitable[timedelta | None]]


async def work(queue: WorkQueue, reconcile: Reconcile, metrics: Metrics) -> None:
    """Take keys from the queue for ever. An unexpected error is a bug: logged, and retried too."""
    clock = asyncio.get_running_loop().time
    while True:
        key, waited = await queue.get()
        speak_of_key(key)
        metrics.queue_latency.observe(waited)
        started = clock()
        try:
            result = await _reconcile_once(queue, reconcile, key)
        finally:
            queue.done(key)
        metrics.reconciles.labels(result).inc()
        metrics.reconcile_duration.observe(clock() - started)


async def _reconcile_once(queue: WorkQueue, reconcile: Reconcile, key: Key) -> str:
    try:
        again = await reconcile(key)
    except Conflict:
        queue.retry(key)
        return "conflict"
    except ClusterError as error:
        delay = queue.retry(key)
        _log.warning("retrying", error=str(error), delay_seconds=round(delay, 2))
        return "error"
    except Exception:  # noqa: BLE001  one resource's bug must not stop the others; it is logged
        delay = queue.retry(key)
        _log.exception("reconciliation-failed", delay_seconds=round(delay, 2))
        return "bug"
    queue.succeeded(key)
    if again is not None:
        queue.add_after(key, again.total_seconds())
    return "success"


async def resync(
    queue: WorkQueue,
    cache: Cache,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look again at every resource with a run in flight, trusting no watch, once a minute."""
    while True:
        await sleep(RESYNC_SECONDS)
        for key in cache.keys_in_flight():
            cache.distrust(key)
            queue.add(key)


async def sweep(
    queue: WorkQueue,
    cache: Cache,
    cluster: ClusterPort,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Forget the resources that were deleted while no watch looked, once a minute.

    A watch that is too old to go on (410) lists anew, and a list says nothing of what is gone.
    """
    while True:
        await sleep(RESYNC_SECONDS)
        known = cache.uids()
        try:
            if len(known) <= await cluster.count_resources():
                continue
            there = await cluster.list_uids()
        except ClusterError as error:
            _log.warning("resources-not-listed", error=str(error))
            continue
        for uid in known.keys() - there:
            gone = cache.resource(known[uid])
            if gone is None or gone.uid != uid:
                continue
            cache.drop_resource(gone.key, uid)
            for key in (gone.key, *cache.queued_behind(gone)):
                queue.add(key)
