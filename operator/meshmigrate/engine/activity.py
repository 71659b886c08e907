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

    @property
    def running(self) -> Running | None:
        """The statement that is running."""
        return self._running

    @property
    def now(self) -> float:
        """The clock's time, in seconds."""
        return self._monotonic()

    def begin(self, script: Script, statement: Statement) -> None:
        """Say that a statement is sent; the one before it has ended."""
        self._running = Running(script, statement, self._monotonic())

    @contextmanager
    def of_a_file(self) -> Iterator[None]:
        """Say that nothing runs any more when the block ends."""
        try:
            yield
        finally:
            self._running = None
