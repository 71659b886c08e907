"""When something was first seen in a state: watched, never polled."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.api import Api
from hack.demo.errors import DemoError

States = Callable[[dict[str, Any]], Iterator[tuple[str, str]]]
"""From an object to the (subject, state) pairs that it shows."""


class Sightings:
    """First sightings by the monotonic clock; watching threads write, the bench waits."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str], float] = {}
        self._changed = threading.Condition()
        self._ended = ""

    def watch(self, api: Api, path: str, states: States) -> None:
        """Note, from now on, what a collection's objects show."""
        threading.Thread(target=self._follow, args=(api, path, states), daemon=True).start()

    def wait(self, subject: str, state: str, *, seconds: float = 120) -> float:
        """Wait for a sighting and give its time.

        Raises
        ------
        DemoError
            If a watch has ended, so that it may never come.
        TimeoutError
            If it does not come.
        """
        key = (subject, state)
        deadline = time.monotonic() + seconds
        with self._changed:
            while key not in self._times:
                if self._ended:
                    raise DemoError(
                        f"{subject} was not seen {state}, and the watch of {self._ended} has ended:"
                        " measure again"
                    )
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError(f"{subject} was not seen {state} within {seconds:.0f} s")
            return self._times[key]

    def _follow(self, api: Api, path: str, states: States) -> None:
        try:
            for shown in api.watch(path):
                now = time.monotonic()
                with self._changed:
                    for key in states(shown):
                        self._times.setdefault(key, now)
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._ended = path
                self._changed.notify_all()
