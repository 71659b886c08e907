"""A clock for tests: only sleeping moves it."""


class SleepingClock:
    """Gives the seconds slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Give the seconds slept."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
