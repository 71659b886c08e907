"""The courier: one message at a time for each channel, and no channel waits for another."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import pairwise

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.courier import Courier
from meshmigrate.controller.notification import PENDING, Notification
from meshmigrate.controller.observed import Key, ObservedResource, observe_resource
from meshmigrate.controller.status import Status, dump_status
from meshmigrate.observe.notifications.channels import Channel, Channels
from meshmigrate.observe.notifications.delivery import Told
from meshmigrate.observe.notifications.notice import Notice, notice_id
from meshmigrate.observe.notifications.text import compose_many
from tests.scripted.virtual_time import run_virtually
from tests.unit.controller.couriers import TEAM, Configured
from tests.unit.controller.scripted_cluster import START, other_body

RUN = "22a0faa0-df40-570a-a1dc-cd17913917f7"
OTHER = Channel(urls=("json://other.example.com",))


def failed(number: int, channel: str = "team") -> ObservedResource:
    """Give a resource whose run has just failed, and has to be told."""
    key = Key("app", f"r{number:03}")
    body = other_body(key)
    notice = Notice(
        outcome="RolledBack",
        reason="StatementFailed",
        message="it failed",
        at="2026-01-02T03:04:05Z",
        run_id=RUN,
        namespace=key.namespace,
        name=key.name,
    )
    entry = Notification(
        id=notice_id(body["metadata"]["uid"], notice.outcome, channel),
        channel=channel,
        state=PENDING,
        created_at="2026-01-02T03:04:05Z",
        notice=notice,
    )
    body["status"] = dump_status(Status(notifications=(entry,)))
    return observe_resource(body)


class Office:
    """A courier on virtual time; what is delivered is forgotten at once."""

    def __init__(self, deliver: Callable[[Channel, Told], Awaitable[None]]) -> None:
        loop = asyncio.get_running_loop()
        self.sent: list[tuple[float, Channel, int]] = []
        self.cache = Cache()
        self._deliver = deliver
        self._time = loop.time
        self.courier = Courier(
            cache=self.cache,
            source=Configured(Channels(channels={"team": TEAM, "other": OTHER})),
            deliver=self._note,
            add=self._store,
            clock=self._now,
            seconds=loop.time,
        )

    def _now(self) -> datetime:
        return START + timedelta(seconds=self._time())

    async def _note(self, channel: Channel, told: Told) -> None:
        self.sent.append((self._time(), channel, len(told)))
        await self._deliver(channel, told)

    def _store(self, key: Key) -> None:
        found = self.cache.resource(key)
        if found is not None:
            self.cache.drop_resource(key, found.uid)


async def at_once(_: Channel, __: Told) -> None:
    """Take a message."""


async def run_for(office: Office, seconds: float) -> None:
    """Let the courier work for so long."""
    work = asyncio.ensure_future(office.courier.run())
    await asyncio.sleep(seconds)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)


def test_five_hundred_failures_at_once_are_one_message() -> None:
    """With the count and the first few names; those that come later are the next message."""

    async def story() -> list[tuple[float, Channel, int]]:
        office = Office(at_once)
        for number in range(500):
            office.cache.put_resource(failed(number))
        await run_for(office, 60)
        return office.sent

    ((_, _, count),) = run_virtually(story())
    assert count == 500


def test_a_channel_gets_one_message_in_ten_seconds_at_most() -> None:
    """However often resources fail: here one each second, for two minutes."""

    async def story() -> list[tuple[float, Channel, int]]:
        office = Office(at_once)

        async def fail() -> None:
            for number in range(120):
                office.cache.put_resource(failed(number))
                await asyncio.sleep(1)

        await asyncio.gather(fail(), run_for(office, 140))
        return office.sent

    sent = run_virtually(story())
    moments = [at for at, _, _ in sent]
    assert all(b - a >= 10 for a, b in pairwise(moments))
    assert sum(count for _, _, count in sent) == 120
    assert moments[0] <= 1


def test_a_channel_that_hangs_holds_nothing_else_up() -> None:
    """Another one gets its message within a second, the hanging one no second one."""

    async def hang(channel: Channel, _: Told) -> None:
        if channel is TEAM:
            await asyncio.Event().wait()

    async def story() -> list[tuple[float, Channel, int]]:
        office = Office(hang)
        office.cache.put_resource(failed(1))
        await run_for(office, 1)
        office.cache.put_resource(failed(2))
        office.cache.put_resource(failed(3, "other"))
        await run_for(office, 30)
        return office.sent

    sent = run_virtually(story())
    assert [channel for _, channel, _ in sent if channel is OTHER] == [OTHER]
    first = next(at for at, channel, _ in sent if channel is OTHER)
    assert first <= 2


def test_the_message_of_many_names_the_most_urgent_first() -> None:
    """Five of them; the rest is a number."""
    notices = [
        Notice(
            outcome="RollbackFailed" if number == 7 else "Succeeded",
            reason="r",
            message="m",
            at="t",
            run_id=RUN,
            namespace="app",
            name=f"r{number}",
        )
        for number in range(9)
    ]
    message = compose_many(notices)
    assert message.title == "9 migrations ended: 8 Succeeded, 1 RollbackFailed"
    assert message.severity == "critical"
    lines = message.body.splitlines()
    assert lines[0] == "app/r7: RollbackFailed: m"
    assert lines[5] == "and 4 more."
