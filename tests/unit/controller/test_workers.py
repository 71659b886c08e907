"""The workers: what becomes of a key whose reconciliation fails."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from meshmigrate.controller.app import CacheSync
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.observed import Key, ObservedResource, observe_resource
from meshmigrate.controller.port import ClusterError, Conflict, NotFound
from meshmigrate.controller.running import until_first_ends
from meshmigrate.controller.status import Status
from meshmigrate.controller.work_queue import WorkQueue
from meshmigrate.controller.workers import resync, work
from meshmigrate.observe.metrics import Metrics
from tests.unit.controller.conftest import Story
from tests.unit.controller.scripted_cluster import KEY, Clock, ScriptedCluster, resource_body

Reply = Callable[[], timedelta | None]


class Stop(Exception):
    """Ends an endless loop of the operator in a test."""


def fail(error: Exception) -> Reply:
    """Give a reply that raises."""

    def reply() -> timedelta | None:
        raise error

    return reply


class ShortQueue(WorkQueue):
    """A queue that stops its worker after so many keys."""

    def __init__(self, keys: int) -> None:
        super().__init__(asyncio.get_running_loop(), jitter=lambda: -0.99)
        self.keys = keys

    async def get(self) -> tuple[Key, float]:
        """Give a key, or stop."""
        if self.keys == 0:
            raise Stop
        self.keys -= 1
        return await super().get()


async def work_on(metrics: Metrics, *replies: Reply) -> None:
    """Let one worker meet these replies for one key, which must come once for each."""
    queue, pending = ShortQueue(len(replies)), list(replies)

    async def reconcile(key: Key) -> timedelta | None:
        assert key == KEY
        return pending.pop(0)()

    queue.add(KEY)
    async with asyncio.timeout(10):
        with pytest.raises(Stop):
            await work(queue, reconcile, metrics)
    assert pending == []


@pytest.mark.parametrize(
    ("error", "result"),
    [(Conflict("c"), "conflict"), (ClusterError("e"), "error"), (ValueError("bug"), "bug")],
)
def test_a_failed_key_comes_again(error: Exception, result: str) -> None:
    """Whatever the error was, nothing is forgotten, and it is counted by kind."""
    metrics = Metrics("test")
    asyncio.run(work_on(metrics, fail(error), lambda: None))
    sample = metrics.registry.get_sample_value("meshmigrate_reconcile_total", {"result": result})
    assert sample == 1


def test_a_key_comes_again_when_it_asked_to() -> None:
    """The wait that was decided is kept."""
    replies: list[Reply] = [lambda: timedelta(milliseconds=1), lambda: None]
    asyncio.run(work_on(Metrics("test"), *replies))


def test_the_resync_trusts_no_watch(started: Story) -> None:
    """Once a minute a run in flight is looked at by request: a missed deletion is found."""
    cache = Cache()
    started.cluster.show_to(cache)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise Stop

    async def run() -> int:
        queue = WorkQueue(asyncio.get_running_loop())
        with pytest.raises(Stop):
            await resync(queue, cache, sleep=sleep)
        return len(queue)

    assert asyncio.run(run()) == 1
    assert slept == [60, 60]
    resource = cache.resource(KEY)
    assert resource is not None
    cache.forget_distrusted(KEY)
    assert cache.jobs(resource) == ()


def test_a_vanished_job_is_found_by_the_resync(started: Story) -> None:
    """A Job that was deleted while the watch was interrupted is no longer waited for."""
    started.cluster.start_pod(started.job)
    started.look()
    cache = started.operator.cache
    started.cluster.jobs.clear()
    started.cluster.pods.clear()
    cache.distrust(KEY)
    asyncio.run(started.operator.reconciler.reconcile(KEY))
    assert started.status["currentRun"]["attempt"] == 2


def test_a_resync_in_the_middle_of_the_work_loses_no_runner(
    started: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was seen is forgotten before the next look, never between two steps of this one."""
    started.cluster.start_pod(started.job)
    cluster, cache = started.cluster, started.operator.cache
    write_status = cluster.write_status

    async def slowly(resource: ObservedResource, status: Status) -> ObservedResource:
        cache.distrust(KEY)
        return await write_status(resource, status)

    monkeypatch.setattr(cluster, "write_status", slowly)
    job = started.job
    started.look()
    assert started.status["phase"] == "Running"
    assert list(cluster.jobs) == [job]


def test_readiness_waits_for_all_resources() -> None:
    """Ready means: the watch has shown as many resources as there are."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(resource_body())
    cache = Cache()
    sync = CacheSync(cache)
    seen: list[bool] = []

    async def sleep(seconds: float) -> None:
        assert seconds > 0
        seen.append(sync.probe().ok)
        cache.put_resource(observe_resource(resource_body()))

    asyncio.run(sync.wait(cluster, sleep=sleep))
    assert seen == [False]
    assert sync.probe().ok


def test_an_api_server_that_is_away_is_waited_for() -> None:
    """Counting goes on when it is back; the process does not end for it."""

    class Away(ScriptedCluster):
        tries = 0

        async def count_resources(self) -> int:
            self.tries += 1
            if self.tries < 3:
                raise ClusterError("no answer")
            return 0

    cluster = Away(Clock())

    async def sleep(_: float) -> None:
        assert not sync.probe().ok

    sync = CacheSync(Cache())
    asyncio.run(sync.wait(cluster, sleep=sleep))
    assert cluster.tries == 3
    assert sync.probe().ok


def test_nobody_works_before_all_resources_are_known() -> None:
    """A run that waits for another one must have seen that one before it may go on."""
    cluster, cache = ScriptedCluster(Clock()), Cache()
    cluster.apply(resource_body())
    sync = CacheSync(cache)
    did: list[str] = []

    async def work() -> None:
        did.append("worked")

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)
        did.append(f"waited {seconds} s")
        cache.put_resource(observe_resource(resource_body()))

    async def both() -> None:
        await asyncio.gather(sync.first(work), sync.wait(cluster, sleep=sleep))

    asyncio.run(both())
    assert did == ["waited 0.5 s", "worked"]


def test_a_missing_definition_says_what_to_install() -> None:
    """Without its kind the operator ends, to be started again when it is there."""

    class Nothing(ScriptedCluster):
        async def count_resources(self) -> int:
            raise NotFound("404")

    with pytest.raises(NotFound, match="install the CustomResourceDefinition"):
        asyncio.run(CacheSync(Cache()).wait(Nothing(Clock())))


def test_the_first_part_that_ends_ends_all() -> None:
    """Crash-only: an error of one part is the error of the process, and nothing runs on."""
    cancelled: list[bool] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    async def breaks() -> None:
        raise Stop

    with pytest.raises(Stop):
        asyncio.run(until_first_ends(endless(), breaks()))
    assert cancelled == [True]


def test_the_metrics_show_a_stalled_resource_as_unhealthy(started: Story) -> None:
    """What needs a person is what alerts are made of."""
    started.cluster.end_pod(started.job, exit_code=1)
    started.look()
    cache = Cache()
    started.cluster.show_to(cache)
    (state,) = cache.states()
    assert (state.phase, state.reason, state.healthy) == ("Failed", "InternalError", False)


def test_what_somebody_suspended_is_not_unhealthy(applied: Story) -> None:
    """It is Stalled, as kstatus wants it, but nobody is to be woken for it."""
    applied.cluster.set_spec(suspend=True)
    applied.look()
    cache = Cache()
    applied.cluster.show_to(cache)
    (state,) = cache.states()
    assert (state.phase, state.healthy) == ("Suspended", True)
