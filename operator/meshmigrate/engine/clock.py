"""Time as an argument: durations come from a monotonic clock, sleeps can be woken."""

import re
import time
from dataclasses import dataclass
from typing import Protocol

from meshmigrate.domain.errors import Failure, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.stop import Stop


class Clock(Protocol):
    """What the engine needs to know about time."""

    def monotonic(self) -> float:
        """Give seconds that only ever grow."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait, or raise the interruption that ends the waiting."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clock; its sleep ends at once when a stop is requested."""

    stop: Stop

    def monotonic(self) -> float:
        """Give seconds that only ever grow."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, or raise the interruption that ends the waiting."""
        self.stop.wait(seconds)
        self.stop.check()


class Deadline:
    """A moment after which work of one kind may not go on."""

    def __init__(self, clock: Clock, seconds: float, *, name: str) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds
        self.seconds = seconds
        self._name = name

    @property
    def remaining(self) -> float:
        """Seconds left, never below zero."""
        return max(0.0, self._end - self._clock.monotonic())

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return self.remaining == 0.0

    @property
    def half_passed(self) -> bool:
        """Whether half of the time or more is behind us."""
        return self.remaining <= self.seconds / 2

    @property
    def _option(self) -> str:
        """The option of the command line that sets it: the same words, without the unit."""
        words: list[str] = re.findall("[A-Z]?[a-z]+", self._name.removesuffix("Seconds"))
        return f"--{'-'.join(words).lower()}"

    def exceeded(self, cancelled: MigrationError | None = None) -> Failure:
        """Give the failure that says so, at the place of the statement that was cancelled."""
        return Failure(
            Reason.DEADLINE_EXCEEDED,
            f"{self._name} ({self.seconds:g} s) has passed",
            hint=f"Raise {self._option} ({self._name} of the resource), or make the migrations "
            "smaller.",
            location=cancelled.location if cancelled else None,
            sqlstate=cancelled.sqlstate if cancelled else None,
            statement=cancelled.statement if cancelled else None,
        )
