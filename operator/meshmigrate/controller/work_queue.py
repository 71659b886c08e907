"""The work queue: each key at most once at a time, as client-go's workqueue does it."""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from meshmigrate.controller.observed import Key

_FIRST_RETRY_SECONDS: Final = 0.05
_LONGEST_RETRY_SECONDS: Final = 60.0


class Timer(Protocol):
    """Something that will happen, unless cancelled."""

    def cancel(self) -> None:
        """Make it not happen."""
        ...

    def when(self) -> float:
        """Give the time of the loop's clock at which it happens."""
        ...


class EventLoop(Protocol):
    """The part of asyncio's event loop that the queue needs: a monotonic clock with timers."""

    def time(self) -> float:
        """Give the monotonic time in seconds."""
        ...

    def call_later(self, delay: float, callback: Callable[[Key], None], argument: Key, /) -> Timer:
        """Call back after ``delay`` seconds."""
        ...


class WorkQueue:
    """Keys waiting for a worker.

    A key that is added while it waits is there once; one that is added while a worker has it
    comes again afterwards. Delays and retries are kept per key; the earliest counts.
    """

    def __init__(self, loop: EventLoop, *, jitter: Callable[[], float] = random.random) -> None:
        self._loop = loop
        self._jitter = jitter
        self._ready: deque[Key] = deque()
        self._added_at: dict[Key, float] = {}
        self._busy: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self._timers: dict[Key, Timer] = {}
        self._wakeup = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: Key) -> None:
        """Ask for a key to be worked on as soon as possible."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._added_at:
            return
        self._added_at[key] = self._loop.time()
        if key not in self._busy:
            self._make_ready(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Ask for a key to be worked on later."""
        due = self._loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = self._loop.call_later(seconds, self.add, key)

    def retry(self, key: Key) -> float:
        """Ask again for a key whose work failed; give the delay in seconds.

        50 ms, doubling to 60 s, of which between half and all is waited.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        longest = min(_FIRST_RETRY_SECONDS * 2.0 ** min(failures, 16), _LONGEST_RETRY_SECONDS)
        delay = longest * (1 + self._jitter()) / 2
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: Key) -> None:
        """Forget the failures of a key."""
        self._failures.pop(key, None)

    async def get(self) -> tuple[Key, float]:
        """Take a key, and the seconds it had waited; `done` must follow."""
        while not self._ready:
            self._wakeup.clear()
            await self._wakeup.wait()
        key = self._ready.popleft()
        now = self._loop.time()
        self._busy[key] = now
        return key, now - self._added_at.pop(key)

    def done(self, key: Key) -> None:
        """Give a key back."""
        del self._busy[key]
        if key in self._added_at:
            self._make_ready(key)

    def longest_busy(self) -> float:
        """Give the seconds for which the slowest worker has had its key."""
        now = self._loop.time()
        return max((now - since for since in self._busy.values()), default=0.0)

    def _make_ready(self, key: Key) -> None:
        self._ready.append(key)
        self._wakeup.set()
