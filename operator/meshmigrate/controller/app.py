"""The operator process: the one place where its parts are put together."""

import asyncio
import gc
import platform
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Final
from uuid import uuid4

import structlog

from meshmigrate.controller import shell
from meshmigrate.controller.admission import Allowed
from meshmigrate.controller.api_requests import ApiRequests, kubernetes_transport
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import utc_now
from meshmigrate.controller.courier import Courier
from meshmigrate.controller.kubernetes_port import KubernetesPort
from meshmigrate.controller.leading import Leadership, LeaseConfig
from meshmigrate.controller.pod_template import RunnerImage
from meshmigrate.controller.port import ClusterError, ClusterPort, NotFound
from meshmigrate.controller.reconciler import Reconciler
from meshmigrate.controller.runner_logs import RunnerLogs
from meshmigrate.controller.running import until_first_ends
from meshmigrate.controller.token_bucket import TokenBucket
from meshmigrate.controller.work_queue import WorkQueue
from meshmigrate.controller.workers import STUCK_SECONDS, resync, sweep, work
from meshmigrate.observe.metrics import Metrics
from meshmigrate.observe.notifications.channels_file import ChannelsFile
from meshmigrate.observe.notifications.delivery import deliver
from meshmigrate.observe.server import Probe, serve

_WORKERS: Final = 8
_REQUESTS_PER_SECOND: Final = 500.0
_BURST: Final = 1000.0
"""The API server shares itself out fairly; this only bounds what a mistake of ours could ask."""
_SYNC_POLL_SECONDS: Final = 0.5
_COLLECTED_AFTER: Final = 50_000
"""New objects until garbage is looked for: reading many resources makes much, and all of it short
lived (measured: a twentieth of the time)."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OperatorConfig:
    """How the operator was started. Without a ``lease`` it is active at once, and always.

    ``channels`` is the file with the channels of notifications.
    """

    runner_image: RunnerImage
    allowed: Allowed
    namespaces: tuple[str, ...] = ()
    host: str = "0.0.0.0"  # noqa: S104  the kubelet and Prometheus ask from outside the pod
    port: int = 8080
    lease: LeaseConfig | None = None
    channels: Path | None = None


async def run_operator(config: OperatorConfig) -> None:
    """Run until a signal or an error ends the process.

    Crash-only: an error that no part handles ends everything, and a new process starts from what
    the cluster holds.
    """
    gc.freeze()  # what was imported is here to stay: no collection has to look at it again
    gc.set_threshold(_COLLECTED_AFTER, *gc.get_threshold()[1:])
    identity = f"{platform.node()}_{uuid4().hex[:8]}"
    _log.info("starting", identity=identity)
    metrics = Metrics(version("meshmigrate"))
    cache = Cache()
    queue = WorkQueue(asyncio.get_running_loop())
    metrics.show_queue(lambda: len(queue))
    metrics.show_event_ages(lambda: _event_ages(cache))
    sync = CacheSync(cache)
    async with AsyncExitStack() as stack:
        transport = await stack.enter_async_context(kubernetes_transport())

        def count(verb: str, code: int) -> None:
            metrics.api_requests.labels(verb, str(code)).inc()

        requests = ApiRequests(transport, TokenBucket(_REQUESTS_PER_SECOND, _BURST), count=count)
        cluster = KubernetesPort(requests, config.namespaces)
        courier = Courier(
            cache=cache,
            source=ChannelsFile(config.channels),
            deliver=deliver,
            add=queue.add,
            clock=utc_now,
        )
        reconciler = Reconciler(
            cluster=cluster,
            cache=cache,
            metrics=metrics,
            courier=courier,
            clock=utc_now,
            image=config.runner_image,
            allowed=config.allowed,
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
        election = config.lease.candidate(transport, identity, count) if config.lease else None
        leadership = Leadership(election, cache, queue, metrics)
        metrics.show_resources(lambda: cache.states() if leadership.active else ())
        until_ended = await stack.enter_async_context(
            shell.watching(cache, leadership.add, config.namespaces)
        )
        worker = partial(work, queue, reconciler.reconcile, metrics)
        await until_first_ends(
            until_ended(),
            sync.keep(cluster),
            leadership.run(
                partial(resync, queue, cache),
                RunnerLogs(cluster, cache, queue.add).follow,
                partial(sweep, queue, cache, cluster),
                courier.run,
                *[partial(sync.first, worker)] * _WORKERS,
            ),
        )
        _log.info("stopping")


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
        _log.info("resources-read", resources=len(self._cache))
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
        """Compare until all resources are known; an API server that is away is waited for.

        Raises
        ------
        NotFound
            If the cluster does not know the kind: the CustomResourceDefinition is missing.
        """
        while True:
            try:
                if len(self._cache) >= await self._count(cluster):
                    break
            except NotFound:
                raise
            except ClusterError as error:
                _log.warning("resources-not-counted", error=str(error))
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


def _health(queue: WorkQueue) -> Probe:
    busy = queue.longest_busy()
    if busy > STUCK_SECONDS:
        return Probe(ok=False, reason=f"a worker has been busy for {busy:.0f} s")
    return Probe(ok=True, reason="ok")


def _event_ages(cache: Cache) -> dict[str, float]:
    now = monotonic()
    return {kind: now - at for kind, at in cache.last_event_at.items()}
