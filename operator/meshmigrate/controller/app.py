"""The operator process: the one place where its parts are put together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from time import monotonic
from typing import Final

import structlog

from meshmigrate.controller import shell
from meshmigrate.controller.api_requests import ApiRequests, TokenBucket, kubernetes_transport
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import utc_now
from meshmigrate.controller.job import RunnerImage
from meshmigrate.controller.kubernetes_port import KubernetesPort
from meshmigrate.controller.port import ClusterPort, NotFound
from meshmigrate.controller.reconciler import Reconciler
from meshmigrate.controller.runner_logs import RunnerLogs
from meshmigrate.controller.work_queue import WorkQueue
from meshmigrate.controller.workers import STUCK_SECONDS, resync, sweep, work
from meshmigrate.domain.reason import Reason
from meshmigrate.observe.metrics import Metrics, ResourceState
from meshmigrate.observe.server import Probe, serve

_WORKERS: Final = 8
_REQUESTS_PER_SECOND: Final = 100.0
_BURST: Final = 200.0
_SYNC_POLL_SECONDS: Final = 0.5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OperatorConfig:
    """How the operator was started."""

    runner_image: RunnerImage
    namespaces: tuple[str, ...] = ()
    host: str = "0.0.0.0"  # noqa: S104  the kubelet and Prometheus ask from outside the pod
    port: int = 8080


async def run_operator(config: OperatorConfig) -> None:
    """Run until a signal or an error ends the process.

    Crash-only: an error that no part handles ends everything, and a new process starts from what
    the cluster holds.
    """
    metrics = Metrics(version("meshmigrate"))
    cache = Cache()
    queue = WorkQueue(asyncio.get_running_loop())
    metrics.show_queue(lambda: len(queue))
    metrics.show_resources(lambda: resource_states(cache))
    metrics.show_event_ages(lambda: _event_ages(cache))
    sync = CacheSync(cache)
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(kubernetes_transport())
        requests = ApiRequests(
            transport,
            TokenBucket(_REQUESTS_PER_SECOND, _BURST),
            count=lambda verb, code: metrics.api_requests.labels(verb, str(code)).inc(),
        )
        cluster = KubernetesPort(requests, config.namespaces)
        reconciler = Reconciler(
            cluster=cluster,
            cache=cache,
            metrics=metrics,
            clock=utc_now,
            image=config.runner_image,
        )
        await stack.enter_async_context(
            serve(
                host=config.host,
                port=config.port,
                registry=metrics.registry,
                healthy=lambda: _health(queue),
                ready=sync.probe,
            )
        )
        worker = partial(work, queue, reconciler.reconcile, metrics)
        await until_first_ends(
            shell.watch(cache, queue.add, config.namespaces),
            sync.keep(cluster),
            resync(queue, cache),
            RunnerLogs(cluster, cache, queue.add).follow(),
            sweep(queue, cache, cluster),
            *(sync.first(worker) for _ in range(_WORKERS)),
        )


class CacheSync:
    """Knows whether the watch has shown as many resources as there are."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._synced = asyncio.Event()

    def probe(self) -> Probe:
        """Answer the readiness probe."""
        if self._synced.is_set():
            return Probe(ok=True, reason="ok")
        return Probe(ok=False, reason="the resources have not all been read yet")

    async def keep(self, cluster: ClusterPort) -> None:
        """Become ready, and stay so until the process ends."""
        await self.wait(cluster)
        _log.info("resources read", count=len(self._cache))
        await asyncio.Event().wait()

    async def first(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin with work once all resources are known.

        Whoever waits for the run of another must not take it for gone because it has not been
        read yet.
        """
        await self._synced.wait()
        await work()

    async def wait(
        self,
        cluster: ClusterPort,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Compare until all resources are known.

        Raises
        ------
        NotFound
            If the cluster does not know the kind: the CustomResourceDefinition is missing.
        """
        while len(self._cache) < await self._count(cluster):
            await sleep(_SYNC_POLL_SECONDS)
        self._synced.set()

    @staticmethod
    async def _count(cluster: ClusterPort) -> int:
        try:
            return await cluster.count_resources()
        except NotFound as error:
            raise NotFound(
                "the cluster does not know DatabaseMigrations: install the "
                "CustomResourceDefinition (crds/databasemigrations.yaml), then the operator "
                "starts by itself"
            ) from error


async def until_first_ends(*works: Awaitable[None]) -> None:
    """Run all until one ends, then end the others; an error of that one is raised."""
    tasks = [asyncio.ensure_future(each) for each in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def resource_states(cache: Cache) -> Iterator[ResourceState]:
    """Give the resources as the metrics show them."""
    for resource in cache.resources():
        status = resource.status
        yield ResourceState(
            namespace=resource.key.namespace,
            name=resource.key.name,
            database=status.database.name if status.database else "",
            phase=status.phase,
            reason=status.ready_reason,
            healthy=not status.stalled or status.ready_reason == Reason.SUSPENDED,
        )


def _health(queue: WorkQueue) -> Probe:
    busy = queue.longest_busy()
    if busy > STUCK_SECONDS:
        return Probe(ok=False, reason=f"a worker has been busy for {busy:.0f} s")
    return Probe(ok=True, reason="ok")


def _event_ages(cache: Cache) -> dict[str, float]:
    now = monotonic()
    return {kind: now - at for kind, at in cache.last_event_at.items()}
