"""What only the active one of several operators does, and how it becomes and stops being that.

A standby watches, so that its cache is warm when its turn comes, and writes nothing.
"""

import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog

from meshmigrate.controller.api_requests import ApiRequests, Transport
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.election import Election, LeaseLost, LeaseTimings
from meshmigrate.controller.lease import KubernetesLease
from meshmigrate.controller.observed import Key
from meshmigrate.controller.running import until_first_ends
from meshmigrate.controller.token_bucket import TokenBucket
from meshmigrate.controller.work_queue import WorkQueue
from meshmigrate.observe.metrics import Metrics

_REQUESTS_PER_SECOND: Final = 10.0
"""Of its own: a renewal never waits behind the operator's other requests."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LeaseConfig:
    """Which Lease is competed for, and how."""

    namespace: str
    name: str
    timings: LeaseTimings

    def candidate(
        self, transport: Transport, identity: str, count: Callable[[str, int], None]
    ) -> Election:
        """Give a candidate; each of its requests is tried once, the next period is the retry."""
        bucket = TokenBucket(_REQUESTS_PER_SECOND, _REQUESTS_PER_SECOND)
        requests = ApiRequests(transport, bucket, count=count, attempts=1)
        store = KubernetesLease(requests, self.namespace, self.name)
        return Election(store, identity, self.timings)


def fail_stop(why: str) -> NoReturn:
    """End this very moment, without a farewell: another operator may be active by now."""
    _log.critical("lease-lost", error=why, consequence="this process ends")
    sys.stdout.flush()
    os._exit(1)


class Leadership:
    """Lets works run while this process is the active one; without an election always."""

    def __init__(
        self,
        election: Election | None,
        cache: Cache,
        queue: WorkQueue,
        metrics: Metrics,
        *,
        lost: Callable[[str], NoReturn] = fail_stop,
    ) -> None:
        self._election = election
        self._cache = cache
        self._queue = queue
        self._metrics = metrics
        self._lost = lost
        self.active = False

    def add(self, key: Key) -> None:
        """Ask for a key to be worked on; a standby only keeps what it saw."""
        if self.active:
            self._queue.add(key)

    async def run(self, *works: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease, look at everything that is known, and work until one part ends.

        The lease is given back when all parts have ended, and not before.
        """
        if self._election is None:
            self._begin()
            await until_first_ends(*(work() for work in works))
            return
        _log.info("waiting-for-lease")
        try:
            await self._election.campaign()
            self._begin()
            await until_first_ends(self._hold(self._election), *(work() for work in works))
        finally:
            self.active = False
            self._metrics.leader.set(0)
            await self._election.release()

    def _begin(self) -> None:
        self.active = True
        self._metrics.leader.set(1)
        _log.info("active", resources=len(self._cache))
        for key in self._cache:
            self._queue.add(key)

    async def _hold(self, election: Election) -> None:
        try:
            await election.hold()
        except LeaseLost as error:
            self._lost(str(error))
