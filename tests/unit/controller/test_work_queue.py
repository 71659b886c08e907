"""The work queue: each key at most once at a time, the earliest delay counts."""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from meshmigrate.controller.observed import Key
from meshmigrate.controller.work_queue import WorkQueue

A, B = Key("n", "a"), Key("n", "b")


@dataclass(order=True)
class FakeTimer:
    """A timer of the fake loop."""

    at: float
    callback: Callable[[Key], None] = field(compare=False)
    argument: Key = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Make it not happen."""
        self.cancelled = True

    def when(self) -> float:
        """Give its time."""
        return self.at


class FakeLoop:
    """A clock with timers that moves only by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[FakeTimer] = []

    def time(self) -> float:
        """Give the time."""
        return self.now

    def call_later(
        self, delay: float, callback: Callable[[Key], None], argument: Key, /
    ) -> FakeTimer:
        """Remember a timer."""
        timer = FakeTimer(self.now + delay, callback, argument)
        heapq.heappush(self.timers, timer)
        return timer

    def advance(self, seconds: float) -> None:
        """Let time pass and timers fire."""
        self.now += seconds
        while self.timers and self.timers[0].at <= self.now:
            timer = heapq.heappop(self.timers)
            if not timer.cancelled:
                timer.callback(timer.argument)


@pytest.fixture
def loop() -> FakeLoop:
    """Give a clock."""
    return FakeLoop()


@pytest.fixture
def queue(loop: FakeLoop) -> WorkQueue:
    """Give a queue on that clock, without jitter."""
    return WorkQueue(loop, jitter=lambda: 1.0)


def take(queue: WorkQueue) -> Key:
    """Take the next key."""
    return asyncio.run(queue.get())[0]


def test_a_key_waits_once(queue: WorkQueue) -> None:
    """Adding a waiting key again changes nothing."""
    queue.add(A)
    queue.add(A)
    assert len(queue) == 1


def test_keys_come_in_order(queue: WorkQueue) -> None:
    """First come, first served."""
    queue.add(A)
    queue.add(B)
    assert [take(queue), take(queue)] == [A, B]


def test_a_key_at_work_comes_again_after_it_is_done(queue: WorkQueue) -> None:
    """Two workers never have the same key."""
    queue.add(A)
    assert take(queue) == A
    queue.add(A)
    assert len(queue) == 0
    queue.done(A)
    assert take(queue) == A


def test_a_delayed_key_comes_when_due(queue: WorkQueue, loop: FakeLoop) -> None:
    """Not before."""
    queue.add_after(A, 5)
    loop.advance(4.9)
    assert len(queue) == 0
    loop.advance(0.1)
    assert take(queue) == A


def test_the_earliest_delay_counts(queue: WorkQueue, loop: FakeLoop) -> None:
    """A later one does not postpone, an earlier one does bring forward, and it comes once."""
    queue.add_after(A, 5)
    queue.add_after(A, 9)
    queue.add_after(A, 2)
    loop.advance(2)
    assert take(queue) == A
    queue.done(A)
    loop.advance(100)
    assert len(queue) == 0


def test_an_added_key_needs_its_delay_no_more(queue: WorkQueue, loop: FakeLoop) -> None:
    """An event makes a planned look superfluous."""
    queue.add_after(A, 5)
    queue.add(A)
    assert take(queue) == A
    queue.done(A)
    loop.advance(100)
    assert len(queue) == 0


def test_retries_are_further_and_further_apart(queue: WorkQueue) -> None:
    """Doubling from 50 ms to a minute, and anew after a success."""
    delays = [queue.retry(A) for _ in range(13)]
    assert delays[:3] == [0.05, 0.1, 0.2]
    assert delays[-1] == 60
    queue.succeeded(A)
    assert queue.retry(A) == 0.05


def test_the_wait_and_the_work_are_measured(queue: WorkQueue, loop: FakeLoop) -> None:
    """The latency of a key, and for how long a worker has had it."""
    queue.add(A)
    loop.advance(3)
    assert asyncio.run(queue.get()) == (A, 3)
    loop.advance(7)
    assert queue.longest_busy() == 7
    queue.done(A)
    assert queue.longest_busy() == 0
