"""What the working connection is doing right now, for whoever watches it from another thread."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from meshmigrate.domain.errors import Location
from meshmigrate.domain.script import Script, Statement


@dataclass(frozen=True, slots=True)
class Running:
    """A statement that was sent to the server, and when."""

    script: Script
    statement: Statement
    since: float
    """Of a monotonic clock, in seconds."""

    @property
    def location(self) -> Location:
        """Where it stands; counted only when somebody asks, as that reads the file."""
        return self.script.location(self.statement.offset)


class Activity:
    """The statement that is running, if one is: written by the worker, read by anybody.

    One reference is all there is, so a reader sees a statement or another one, never half of it.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._running: Running | None = None
        self._statement_seconds = 0.0

    @property
    def running(self) -> Running | None:
        """The statement that is running."""
        return self._running

    @property
    def now(self) -> float:
        """The clock's time, in seconds."""
        return self._monotonic()

    @property
    def statement_seconds(self) -> float:
        """How long statements have run: of each try, of checks and of rollback scripts."""
        return self._statement_seconds

    def begin(self, script: Script, statement: Statement) -> None:
        """Say that a statement is sent; the one before it has ended."""
        now = self._monotonic()
        self._end(now)
        self._running = Running(script, statement, now)

    @contextmanager
    def of_a_file(self) -> Iterator[None]:
        """Say that nothing runs any more when the block ends."""
        try:
            yield
        finally:
            self._end(self._monotonic())

    def _end(self, now: float) -> None:
        if self._running is not None:
            self._statement_seconds += now - self._running.since
        self._running = None
