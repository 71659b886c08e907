"""Following the logs of running pods: another watch, whose news end in the queue.

Nothing waits for it. Where logs cannot be read, or cannot be read fast enough, only progress is
missing, or late.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.log_context import speak_of
from meshmigrate.controller.observed import Key, ObservedPod
from meshmigrate.controller.port import ClusterError, ClusterPort, NotFound
from meshmigrate.domain.runner_log import LogLine, decode_line

INTERVAL_SECONDS: Final = 5.0
"""At most so often does a status change because of a log."""
_FIRST_LOOK_SECONDS: Final = 2.0
"""Most runs have ended by then: they cost no look and no write."""
_AFTER_ERROR_SECONDS: Final = 30.0
_ROUND_SECONDS: Final = 0.25
_LOOKS_PER_ROUND: Final = 5
_MOST_AT_ONCE: Final = 16
"""A lost node may hold its readers for seconds; the client has more connections than these."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Followed:
    """A pod whose log is read from time to time."""

    due: float
    reading: bool = False
    failed: bool = False


class RunnerLogs:
    """Reads the end of the log of each running pod, at most every five seconds.

    Holds nothing that a restart would miss: the last line of a log says everything.
    """

    def __init__(
        self,
        cluster: ClusterPort,
        cache: Cache,
        add: Callable[[Key], None],
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._add = add
        self._clock = clock
        self._followed: dict[str, _Followed] = {}

    async def follow(self, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Read for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                for pod in self.due():
                    group.create_task(self.read(pod))
                await sleep(_ROUND_SECONDS)

    def due(self) -> list[ObservedPod]:
        """Give the pods to read now, those that wait longest first; they are then being read."""
        now, running = self._clock(), self._cache.running_pods()
        self._followed = {
            pod.uid: self._followed.get(pod.uid) or _Followed(now + _FIRST_LOOK_SECONDS)
            for pod in running
        }
        room = _MOST_AT_ONCE - sum(followed.reading for followed in self._followed.values())
        waiting = [
            (followed.due, pod.uid, pod)
            for pod in running
            if not (followed := self._followed[pod.uid]).reading and followed.due <= now
        ]
        chosen = [pod for _, _, pod in sorted(waiting)[: max(0, min(room, _LOOKS_PER_ROUND))]]
        for pod in chosen:
            self._followed[pod.uid].reading = True
        return chosen

    async def read(self, pod: ObservedPod) -> None:
        """Read the end of a log; what is new in it is to be worked on."""
        followed = self._followed[pod.uid]
        if resource := self._cache.resource(pod.resource):
            speak_of(resource)
        pause = INTERVAL_SECONDS
        try:
            line = _last_line(await self._cluster.read_log(pod))
        except ClusterError as error:
            line, pause = None, _AFTER_ERROR_SECONDS
            self._tell(pod, followed, error)
        followed.due = self._clock() + pause
        followed.reading = False
        if line is not None and line != self._cache.log_line(pod.resource):
            self._cache.put_log_line(pod.resource, line)
            self._add(pod.resource)

    @staticmethod
    def _tell(pod: ObservedPod, followed: _Followed, error: ClusterError) -> None:
        """Say once for each pod that its log cannot be read; one that is gone has none."""
        if not followed.failed and not isinstance(error, NotFound):
            _log.warning(
                "log-not-read",
                pod=pod.name,
                error=str(error),
                consequence="its progress is not shown; the run is not touched by that",
            )
        followed.failed = True


def _last_line(log: bytes) -> LogLine | None:
    """Give the last line that is the runner's; the very last may be cut off."""
    lines = (decode_line(line) for line in reversed(log.splitlines()))
    return next((line for line in lines if line is not None), None)
