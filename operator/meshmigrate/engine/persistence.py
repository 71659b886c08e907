"""Whether and when to connect again: what may pass by itself is given time, within a deadline."""

import random
from collections.abc import Callable
from typing import Final

from meshmigrate.domain.errors import Interruption, MigrationError, NotReady, Refusal, Unreachable
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.deadlines import Deadlines
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.tools import Tools

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0
_LONGEST_EXPONENT: Final = 8


class Persistence:
    """Decides on each error of a connection, and waits between two of them.

    Parameters
    ----------
    jitter
        Gives numbers in [0, 1).
    """

    def __init__(
        self, tools: Tools, deadlines: Deadlines, jitter: Callable[[], float] = random.random
    ) -> None:
        self._tools = tools
        self._deadlines = deadlines
        self._jitter = jitter
        self._tries = 0
        self._reached = False
        self._connected_at: float | None = None
        self._not_ready: Deadline | None = None

    def connected(self) -> None:
        """Note that a server was reached that can be worked with."""
        self._reached = True
        self._connected_at = self._tools.clock.monotonic()
        self._not_ready = None

    def pause_after(self, error: MigrationError) -> float | None:
        """Give the seconds after which to connect again; None if this error is the end."""
        deadline = self._deadline(error)
        if deadline is None:
            return None
        if self._lasted():
            self._tries = 0
        self._connected_at = None
        exponent = min(self._tries, _LONGEST_EXPONENT)
        pause = self._jitter() * min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0**exponent)
        self._tries += 1
        return pause if pause < deadline.remaining else None

    def wait(self, error: MigrationError, pause: float) -> None:
        """Tell what is wrong, and wait.

        Raises
        ------
        Interruption
            Somebody asked to stop.
        """
        lost = error.reason is Reason.CONNECTION_LOST
        name = EventName.CONNECTION_LOST if lost else EventName.WAITING_FOR_SERVER
        place = f"{error.location}: " if error.location else ""
        message = f"{place}{error.message}; connecting again in {pause:.1f} s"
        self._tools.events(
            Event(name=name, message=message, warning=True, waiting_for="the database to answer")
        )
        self._tools.clock.sleep(pause)

    def last_word(self, error: MigrationError) -> MigrationError:
        """Say how an attempt ends whose connection was lost and cannot be had again."""
        if not self._reached or not isinstance(error, Unreachable):
            return error
        return Unreachable(
            error.reason,
            f"the connection was lost, and the server could not be reached again within "
            f"{self._deadlines.current.seconds:g} s: {error.message}",
            hint="When the server is back, run again with the same run id: what is applied stays.",
        )

    def _lasted(self) -> bool:
        """Tell whether the connection that ended was a good one, and not lost at once."""
        if self._connected_at is None:
            return False
        return self._tools.clock.monotonic() - self._connected_at >= _LONGEST_PAUSE

    def _deadline(self, error: MigrationError) -> Deadline | None:
        """Give until when an error is met by connecting again; None if it is not."""
        if isinstance(error, Interruption) and error.reason is Reason.CONNECTION_LOST:
            return self._deadlines.current
        if isinstance(error, Unreachable) and self._reached:
            return self._deadlines.current
        standby = isinstance(error, Refusal) and error.reason is Reason.READ_ONLY_SERVER
        if not (isinstance(error, NotReady) or standby):
            return None
        if self._not_ready is None:
            seconds = self._tools.patience.first_contact
            self._not_ready = Deadline(self._tools.clock, seconds, name="first contact")
        return self._not_ready
