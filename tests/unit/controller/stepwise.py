"""An operator process that goes on a request at a time, and dies wherever it is told to."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import suppress
from typing import Any, Final

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.courier import Courier
from meshmigrate.controller.kubernetes_port import KubernetesPort
from meshmigrate.controller.observed import Key, observe_job, observe_pod, observe_resource
from meshmigrate.controller.pod_template import RunnerImage
from meshmigrate.controller.port import ClusterError
from meshmigrate.controller.reconciler import Reconciler
from meshmigrate.observe.metrics import Metrics
from meshmigrate.observe.notifications.delivery import NotDelivered
from tests.scripted.exchange import Request
from tests.scripted.faults import CONFLICT, CRASH_BEFORE, Crash, Fault
from tests.scripted.transport import ScriptedTransport, requests_over
from tests.unit.controller.couriers import CHANNELS, Configured, Sink
from tests.unit.controller.driving import ALLOWED
from tests.unit.controller.scripted_cluster import KEY, OTHER_KEY, ScriptedCluster

KEYS: Final = (KEY, OTHER_KEY)


class Pause:
    """Awaited before a request, it gives the others a turn."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Process:
    """An operator process: it works on one key at a time, as far as it is let."""

    def __init__(self, cluster: ScriptedCluster) -> None:
        self.cluster = cluster
        self.fault: Fault | None = None
        self.work: Coroutine[Any, Any, object] | None = None
        self.sink = Sink()
        self.restart()

    def restart(self) -> None:
        """Die, wherever it is, and begin with an empty memory."""
        work, self.work = self.work, None
        if work is not None:
            self.fault = CRASH_BEFORE  # for what it would still do on its way out
            with suppress(Crash):
                work.throw(Crash())
                work.send(None)
        self.fault = None
        self.cache = Cache()
        clock = self.cluster.clock
        self.courier = Courier(
            cache=self.cache,
            source=Configured(CHANNELS),
            deliver=self.sink,
            add=lambda _: None,
            clock=clock,
            seconds=clock.seconds,
        )
        transport = ScriptedTransport(self.cluster.api, self._fate, depart=self._depart)
        self.reconciler = Reconciler(
            cluster=KubernetesPort(requests_over(transport), ()),
            cache=self.cache,
            metrics=Metrics("test"),
            courier=self.courier,
            clock=clock,
            image=RunnerImage("runner:1"),
            allowed=ALLOWED,
        )

    def begin(self, key: Key) -> None:
        """Take a key."""
        self.work = self.reconciler.reconcile(key)
        self.step()

    def step(self) -> None:
        """Go on until the next request is about to leave, or the key is done with."""
        assert self.work is not None
        try:
            self.work.send(None)
        except StopIteration:
            self.work = None
        except ClusterError as error:
            self.work = None
            if "no end after" in str(error):
                raise
        except Crash:
            self.work = None
            self.restart()

    async def deliver(self, *, refused: bool) -> None:
        """Send what there is to tell; the receiver takes it or not."""
        self.sink.refusals = [NotDelivered("the webhook answered 500")] * refused
        self.courier.look()
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
        self.sink.refusals = []

    def see(self, kinds: frozenset[str]) -> None:
        """Let some of the watches catch up, and others not."""
        cluster, cache = self.cluster, self.cache
        if "resources" in kinds:
            for uid, key in cache.uids().items():
                if key not in cluster.resources:
                    cache.drop_resource(key, uid)
            for body in cluster.resources.values():
                cache.put_resource(observe_resource(body))
        jobs = [observe_job(job) for job in cluster.jobs.values()]
        pods = [observe_pod(pod) for pod in cluster.pods.values()]
        for key in KEYS:
            if "jobs" in kinds:
                cache.replace_jobs(key, [job for job in jobs if job.resource == key])
            if "pods" in kinds:
                cache.replace_pods(key, [pod for pod in pods if pod.resource == key])

    async def _depart(self) -> None:
        await Pause()

    def _fate(self, request: Request) -> Fault | None:
        fault, self.fault = self.fault, None
        if fault is CONFLICT and request.path.endswith("/events"):
            return None  # what is created has no version that could be another
        return fault
