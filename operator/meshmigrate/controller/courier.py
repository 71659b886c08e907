"""Delivers what the outboxes hold: each channel on its own, one message at a time.

It writes nothing: what became of a notification is a receipt, which the resource's next
reconciliation stores. So a resource has one writer, and a channel that hangs holds nothing up.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Literal, Protocol

import structlog

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import WallClock
from meshmigrate.controller.notification import Notification, Receipt
from meshmigrate.controller.observed import Key, ObservedResource
from meshmigrate.observe.notifications.channels import Channel, Channels
from meshmigrate.observe.notifications.delivery import Deliver, NotDelivered
from meshmigrate.observe.notifications.notice import Notice

PAUSE_SECONDS: Final = 10.0
"""Between two messages of a channel: what came meanwhile is one message with a count."""
LOOK_SECONDS: Final = 1.0
_MOST_IN_ONE: Final = 1000

_log: Final = structlog.get_logger(__name__)


class ChannelSource(Protocol):
    """Where the channels are configured."""

    def look(self) -> Channels:
        """Give them as they are now."""
        ...


@dataclass(frozen=True, slots=True)
class _Due:
    key: Key
    entry: Notification
    notice: Notice


class Courier:
    """Knows the channels, sends, and keeps receipts until they are stored.

    Parameters
    ----------
    add
        Asks for a resource to be reconciled: it has a receipt.
    seconds
        A monotonic clock.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        source: ChannelSource,
        deliver: Deliver,
        add: Callable[[Key], None],
        clock: WallClock,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._cache = cache
        self._source = source
        self._deliver = deliver
        self._add = add
        self._clock = clock
        self._seconds = seconds
        self._receipts: defaultdict[Key, dict[str, Receipt]] = defaultdict(dict)
        self._sending: dict[str, asyncio.Task[None]] = {}
        self._free_at: dict[str, float] = {}
        self.channels = source.look()

    def receipts(self, resource: ObservedResource) -> tuple[Receipt, ...]:
        """Give what the status of a resource does not show yet."""
        kept = self._receipts.pop(resource.key, {})
        entries = {entry.id: entry for entry in resource.status.notifications}
        new = {name: each for name, each in kept.items() if not each.is_stored(entries.get(name))}
        if new:
            self._receipts[resource.key] = new
        return tuple(new.values())

    async def run(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Deliver for ever; what is on its way when this ends is sent again by whoever follows."""
        try:
            while True:
                self.look()
                await sleep(LOOK_SECONDS)
        finally:
            sending = list(self._sending.values())
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    def look(self) -> None:
        """Send to every channel that is free what is due there."""
        self.channels = self._source.look()
        for key in [key for key in self._receipts if self._cache.resource(key) is None]:
            del self._receipts[key]
        for name, due in self._due().items():
            channel = self.channels.channels.get(name)
            if channel is None:
                why = f"the operator's configuration has no channel {name}"
                self._note(due, "failed", reason=why)
                continue
            self._note([each for each in due if not channel.wants(each.notice)], "unwanted")
            wanted = [each for each in due if channel.wants(each.notice)]
            if wanted:
                task = asyncio.ensure_future(self._send(name, channel, wanted))
                self._sending[name] = task

    def _due(self) -> dict[str, list[_Due]]:
        """Give what is due at the channels that are free, as much of it as goes into a message."""
        now, seconds = self._clock(), self._seconds()
        resting = {name for name, at in self._free_at.items() if seconds < at}
        closed = resting | self._sending.keys()
        due: defaultdict[str, list[_Due]] = defaultdict(list)
        for resource in self._cache.undelivered():
            noted = self._receipts.get(resource.key, {})
            for entry in resource.status.notifications:
                if entry.notice is None or entry.channel in closed:
                    continue
                receipt = noted.get(entry.id)
                if receipt is not None and not receipt.is_stored(entry):
                    continue
                if entry.is_due(now):
                    due[entry.channel].append(_Due(resource.key, entry, entry.notice))
                    if len(due[entry.channel]) == _MOST_IN_ONE:
                        closed.add(entry.channel)
        return due

    async def _send(self, name: str, channel: Channel, due: list[_Due]) -> None:
        asked = 0.0
        try:
            await self._deliver(channel, [(each.entry.id, each.notice) for each in due])
        except NotDelivered as error:
            asked = error.retry_after
            self._note(due, "failed", reason=str(error), retry_after=asked)
            _log.warning(
                "notifications-not-delivered", channel=name, count=len(due), error=str(error)
            )
        except Exception as error:  # noqa: BLE001  its text may repeat an address: never shown
            why = f"{type(error).__name__}: a fault of meshmigrate"
            self._note(due, "failed", reason=why)
            _log.error("notifications-not-delivered", channel=name, count=len(due), error=why)
        else:
            self._note(due, "delivered")
            _log.info("notifications-delivered", channel=name, count=len(due))
        finally:
            self._free_at[name] = self._seconds() + max(PAUSE_SECONDS, asked)
            del self._sending[name]

    def _note(
        self,
        due: list[_Due],
        end: Literal["delivered", "failed", "unwanted"],
        *,
        reason: str = "",
        retry_after: float = 0.0,
    ) -> None:
        now = self._clock()
        for each in due:
            receipt = Receipt(
                id=each.entry.id,
                attempts=each.entry.attempts + 1,
                at=now,
                end=end,
                reason=reason,
                retry_after=retry_after,
            )
            self._receipts[each.key][receipt.id] = receipt
            self._add(each.key)
