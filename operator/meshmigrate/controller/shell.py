"""Kopf as the informer shell: it lists and watches, and every event ends in the cache and queue.

Nothing else may happen in a handler: Kopf logs the error of an event handler and drops the event.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import kopf

from meshmigrate.controller import names
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.log_context import speak_of, speak_of_key
from meshmigrate.controller.observed import Key, observe_job, observe_pod, observe_resource
from meshmigrate.controller.port import ClusterError

OUR_PODS_AND_JOBS: Final = names.RESOURCE_UID_LABEL
"""Label selector, evaluated by the API server: the label exists."""

_IDENTITY: Final[Any] = "meshmigrate"
"""Without one Kopf asks getpass.getuser(), which fails under an arbitrary uid (measured)."""


_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class WatchEnded(ClusterError):
    """Kopf watches no more, and has logged why: the process must start anew."""


@asynccontextmanager
async def watching(
    cache: Cache, add: Callable[[Key], None], namespaces: tuple[str, ...]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Watch while the block runs; give what returns at a signal and raises `WatchEnded`.

    Signals are taken from Kopf, and it is told of its own end by its own clean-up: when it ends
    by itself it waits for five seconds for tasks that are not its own, and then cancels them.
    """
    asked, ended = asyncio.Event(), asyncio.Event()
    registry = make_registry(cache, add)

    @kopf.on.startup(registry=registry)
    async def take_over_signals(**_: Any) -> None:
        loop = asyncio.get_running_loop()
        # Kopf takes them a moment after it has started this, and tells nobody.
        while signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # noqa: ASYNC110
            await asyncio.sleep(0)
        for number in _SIGNALS:
            loop.add_signal_handler(number, asked.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)  # the parent may have held them back

    @kopf.on.cleanup(registry=registry)
    async def tell(**_: Any) -> None:
        ended.set()

    watch = asyncio.ensure_future(
        kopf.operator(
            registry=registry,
            settings=make_settings(),
            standalone=True,
            clusterwide=not namespaces,
            namespaces=namespaces,
            identity=_IDENTITY,
            memo=kopf.Memo(),
        )
    )

    async def until_ended() -> None:
        waits = [asyncio.ensure_future(event.wait()) for event in (asked, ended)]
        try:
            await asyncio.wait([watch, *waits], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not asked.is_set():
            raise WatchEnded("the watch of the cluster has ended, the log says why")

    try:
        yield until_ended
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


def make_registry(cache: Cache, add: Callable[[Key], None]) -> kopf.OperatorRegistry:
    """Give the handlers: one to log in, one for each kind."""
    registry = kopf.OperatorRegistry()

    @kopf.on.login(registry=registry)
    async def log_in(**given: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**given) or kopf.login_with_kubeconfig(**given)

    @kopf.on.event(names.GROUP, names.VERSION, names.PLURAL, registry=registry)
    async def see_resource(event: kopf.RawEvent, **_: Any) -> None:
        resource = observe_resource(dict(event["object"]))
        speak_of(resource)
        cache.note_event(names.KIND)
        if event["type"] == "DELETED":
            cache.drop_resource(resource.key, resource.uid)
        else:
            cache.put_resource(resource)
        add(resource.key)
        for key in cache.queued_behind(resource):
            add(key)

    @kopf.on.event("batch", "v1", "jobs", registry=registry)
    async def see_job(event: kopf.RawEvent, **_: Any) -> None:
        job = observe_job(dict(event["object"]))
        _speak_of(cache, job.resource)
        cache.note_event("Job")
        if event["type"] == "DELETED":
            cache.drop_job(job)
        else:
            cache.put_job(job)
        add(job.resource)

    @kopf.on.event("", "v1", "pods", registry=registry)
    async def see_pod(event: kopf.RawEvent, **_: Any) -> None:
        pod = observe_pod(dict(event["object"]))
        _speak_of(cache, pod.resource)
        cache.note_event("Pod")
        if event["type"] == "DELETED":
            cache.drop_pod(pod)
        else:
            cache.put_pod(pod)
        add(pod.resource)

    return registry


def _speak_of(cache: Cache, key: Key) -> None:
    """Let what Kopf says from here on about this object name the run that it belongs to."""
    resource = cache.resource(key)
    if resource is None:
        speak_of_key(key)
    else:
        speak_of(resource)


def make_settings() -> kopf.OperatorSettings:
    """Give Kopf's settings; figures as measured."""
    settings = kopf.OperatorSettings()
    settings.process.ultimate_exiting_timeout = 25
    settings.posting.enabled = False
    settings.networking.connect_timeout = 10
    settings.networking.request_timeout = 30
    settings.watching.server_timeout = 300
    settings.watching.chunk_size = 200
    settings.watching.inactivity_timeout = 70
    settings.watching.label_selectors["batch", "v1", "jobs"] = OUR_PODS_AND_JOBS
    settings.watching.label_selectors["", "v1", "pods"] = OUR_PODS_AND_JOBS
    settings.queueing.idle_timeout = 0.05
    settings.scanning.disabled = True
    settings.persistence.finalizer = f"{names.GROUP}/kopf"
    settings.persistence.progress_storage = _NoProgress(prefix=names.GROUP)
    settings.persistence.diffbase_storage = _NoDifferences(prefix=names.GROUP)
    return settings


class _NoDifferences(kopf.AnnotationsDiffBaseStorage):
    """Spares Kopf the copies from which it tells handlers what is new: half its time (measured).

    The handlers are told of events alone, which are the same whatever is here.
    """

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Take nothing of an object."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Know nothing of what was there before."""


class _NoProgress(kopf.AnnotationsProgressStorage):
    """Spares it another copy."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Leave it, as there is nothing in it."""
        return essence
