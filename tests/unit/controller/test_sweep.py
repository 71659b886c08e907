"""Resources that were deleted while no watch looked are forgotten all the same."""

import asyncio
from dataclasses import dataclass, field

import pytest

from meshmigrate.controller import kubernetes_port
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.observed import Key
from meshmigrate.controller.port import ClusterError
from meshmigrate.controller.work_queue import WorkQueue
from meshmigrate.controller.workers import sweep
from tests.scripted.kinds import RESOURCES
from tests.unit.controller.driving import Operator
from tests.unit.controller.scripted_cluster import (
    KEY,
    OTHER_KEY,
    Clock,
    ScriptedCluster,
    other_body,
    resource_body,
)


class Stop(Exception):
    """Ends an endless loop of the operator in a test."""


@dataclass
class Sleeps:
    """Counts the pauses, and ends the loop at one of them."""

    last: int
    slept: list[float] = field(default_factory=list)

    async def __call__(self, seconds: float) -> None:
        """Note a pause."""
        self.slept.append(seconds)
        if len(self.slept) == self.last:
            raise Stop


async def sweep_through(cluster: ScriptedCluster, cache: Cache) -> list[Key]:
    """Sweep once, and give the keys that came into the queue."""
    queue = WorkQueue(asyncio.get_running_loop())
    with pytest.raises(Stop):
        await sweep(queue, cache, cluster, sleep=Sleeps(last=2))
    return [(await queue.get())[0] for _ in range(len(queue))]


def test_a_resource_that_was_deleted_while_nobody_watched_is_forgotten() -> None:
    """After a watch that was too old (410) nothing tells of it; those behind it are woken."""
    cluster, cache = ScriptedCluster(Clock()), Cache()
    operator = Operator(cluster)
    for body in (resource_body(), other_body(), other_body(Key("app", "blog"), url_in="b")):
        cluster.apply(body)
    for key in (KEY, OTHER_KEY):
        asyncio.run(operator.look(key))
    cluster.show_to(cache)
    cluster.api.remove(RESOURCES, cluster.body())
    assert set(asyncio.run(sweep_through(cluster, cache))) == {KEY, OTHER_KEY}
    assert cache.resource(KEY) is None
    assert len(cache) == 2


def test_a_sweep_with_nothing_gone_reads_one_number() -> None:
    """Counting costs one request a minute, however many resources there are."""
    cluster, cache = ScriptedCluster(Clock()), Cache()
    cluster.apply(resource_body())
    cluster.show_to(cache)
    assert asyncio.run(sweep_through(cluster, cache)) == []
    assert len(cluster.calls) == 1


def test_a_sweep_that_gets_no_answer_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is concluded from an API server that does not answer."""
    cluster, cache = ScriptedCluster(Clock()), Cache()
    cluster.apply(resource_body())
    cluster.show_to(cache)

    async def fail() -> int:
        raise ClusterError("no answer")

    monkeypatch.setattr(cluster, "count_resources", fail)
    assert asyncio.run(sweep_through(cluster, cache)) == []
    assert len(cache) == 1


def test_a_resource_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of what is there comes in pages, and none is left out."""
    monkeypatch.setattr(kubernetes_port, "_PAGE", 2)
    cluster = ScriptedCluster(Clock())
    for number in range(5):
        cluster.apply(other_body(Key("app", f"shop-{number}")))
    assert len(asyncio.run(cluster.list_uids())) == 5
