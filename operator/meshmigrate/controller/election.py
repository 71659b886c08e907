"""Leader election: of several operators one is active, and knows in time that it no longer is.

The rules are client-go's (package leaderelection): a lease whose version has not changed for its
whole duration by the observer's own monotonic clock is free; who holds it stops well before
others may take it. Wall clocks are compared with nothing.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

import structlog

from meshmigrate.controller.lease import Lease, LeaseStore
from meshmigrate.controller.port import AlreadyExists, ClusterError, Conflict, NotFound

_JITTER: Final = 0.2
_REQUEST_SHARE: Final = 0.75
"""A request may take so much of the retry period: the next try never waits for the last one."""
_RELEASE_LIMIT_SECONDS: Final = 1.0
"""A process that was asked to stop has two seconds in all."""
_RELEASED_SECONDS: Final = 1
"""The API wants a duration above 0 even where nobody holds the lease."""

_log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Another operator may be active by now: this one must do nothing more."""


@dataclass(frozen=True, slots=True)
class LeaseTimings:
    """The times of an election in seconds.

    ``duration`` is how long a lease is good without a renewal, ``renew_deadline`` after how long
    its holder gives up, ``retry_period`` how often it is looked at or renewed.

    Raises
    ------
    ValueError
        If they are not in this order.
    """

    duration: int = 15
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.retry_period < self.renew_deadline < self.duration:
            raise ValueError(
                f"the lease's retry period ({self.retry_period:g} s) must be shorter than its "
                f"renew deadline ({self.renew_deadline:g} s), and that shorter than its duration "
                f"({self.duration} s)"
            )


class Election:
    """One candidate. ``identity`` is of the process, never used again by another one."""

    def __init__(
        self,
        store: LeaseStore,
        identity: str,
        timings: LeaseTimings,
        *,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._identity = identity
        self._timings = timings
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._lease = Lease()
        self._seen_at = clock()
        self._renewed_at = -math.inf
        self.leading = False
        """Whether the lease was won and neither lost nor released."""

    async def campaign(self) -> None:
        """Wait until the lease is ours; errors are waited out."""
        while True:
            asked_at = self._clock()
            try:
                async with self._time_limit():
                    await self._look()
                    free_in = self._free_in()
                    if free_in <= 0:
                        await self._take()
                        self._renewed_at, self.leading = asked_at, True
                        return
            except (Conflict, AlreadyExists):
                free_in = self._timings.retry_period  # another candidate was faster
            except (ClusterError, TimeoutError) as error:
                free_in = self._timings.retry_period
                _log.warning("lease-not-taken", error=_said(error))
            longest = self._timings.retry_period * (1 + _JITTER * self._jitter())
            await self._sleep(min(longest, max(free_in, 0.0)))

    async def hold(self) -> None:
        """Renew the lease until that fails for too long.

        Raises
        ------
        LeaseLost
            If it was not renewed in time, or another one has it.
        """
        while True:
            await self._sleep(min(self._timings.retry_period, max(self._left(), 0.0)))
            left = self._left()
            if left <= 0:
                self.leading = False
                raise LeaseLost(f"not renewed for {self._timings.renew_deadline:g} s")
            asked_at = self._clock()
            try:
                async with self._time_limit(left):
                    await self._renew()
            except (ClusterError, TimeoutError) as error:
                _log.warning("lease-not-renewed", error=_said(error), seconds_left=round(left, 1))
            else:
                self._renewed_at = asked_at

    async def release(self) -> None:
        """Give the lease back, so that nobody has to wait until it ends by itself."""
        if not self.leading:
            return
        self.leading = False
        try:
            async with self._time_limit(_RELEASE_LIMIT_SECONDS):
                await self._look()
                if self._lease.holder == self._identity:
                    given = replace(self._lease, holder="", duration_seconds=_RELEASED_SECONDS)
                    await self._store.write(given)
        except (ClusterError, TimeoutError) as error:
            _log.warning("lease-not-given-back", error=_said(error))

    async def _look(self) -> None:
        lease = await self._store.read()
        if lease.version != self._lease.version:
            self._seen_at = self._clock()
        self._lease = lease

    def _free_in(self) -> float:
        """Give the seconds until the lease may be taken."""
        if not self._lease.holder or self._lease.holder == self._identity:
            return 0.0
        duration = self._lease.duration_seconds or self._timings.duration
        return self._seen_at + duration - self._clock()

    async def _take(self) -> None:
        held = replace(self._lease, holder=self._identity, duration_seconds=self._timings.duration)
        if self._lease.version and self._lease.holder != self._identity:
            held = replace(held, transitions=held.transitions + 1, acquired_at="")
        self._lease = await self._store.write(held)

    async def _renew(self) -> None:
        try:
            self._lease = await self._store.write(self._lease)
        except (Conflict, NotFound, AlreadyExists):
            # An answer to our own write was lost, or the Lease was deleted, or it is another's.
            await self._look()
            if self._lease.holder not in {"", self._identity}:
                self.leading = False
                raise LeaseLost(f"{self._lease.holder} holds it") from None
            await self._take()

    def _left(self) -> float:
        return self._renewed_at + self._timings.renew_deadline - self._clock()

    def _time_limit(self, left: float = math.inf) -> asyncio.Timeout:
        return asyncio.timeout(min(self._timings.retry_period * _REQUEST_SHARE, left))


def _said(error: ClusterError | TimeoutError) -> str:
    return str(error) or "no answer in time"
