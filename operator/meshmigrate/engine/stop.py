"""Stopping on SIGTERM and SIGINT: cancel what the server does, let the work end in order.

No signal handler runs any code: a thread takes the signals with ``sigwait``, so nothing is
ever interrupted between a COMMIT and the note that it happened.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

import psycopg

from meshmigrate.domain.errors import Interruption
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_CANCEL_INTERVAL: Final = 0.2
_CANCEL_TIMEOUT: Final = 2.0
_GRACE_SECONDS: Final = 8.0
_UNCONNECTED_SECONDS: Final = 0.5
_LAST_WORDS_SECONDS: Final = 1.0


class Stop:
    """Whether somebody asked this process to stop, and the statement to cancel when they do."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._acknowledged = threading.Event()
        self._cancelled = threading.Event()
        self._end = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self.connects_again = False

    @property
    def requested(self) -> bool:
        """Whether a stop was asked for and is not yet being acted upon."""
        return self._requested.is_set() and not self._acknowledged.is_set()

    @property
    def attached(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    def acknowledged(self, seconds: float) -> bool:
        """Wait until a stop is being acted upon, at most so long, and tell whether it is."""
        return self._acknowledged.wait(seconds)

    def claim_end(self) -> bool:
        """Become the one who says how it ended: the work itself, or who ends it without it."""
        return self._end.acquire(blocking=False)

    def end(self) -> None:
        """Say that the work says how it ended; does not return where that was said already."""
        self._end.acquire()

    def attach(self, connection: psycopg.Connection[Any]) -> None:
        """Name the connection whose statement a request cancels."""
        self._connection = connection

    def detach(self) -> None:
        """Take note that the connection is lost, and that another one will be tried."""
        self._connection, self.connects_again = None, True

    def wait(self, seconds: float) -> None:
        """Wait, but not longer than until a stop is requested."""
        if not self._acknowledged.is_set():
            self._requested.wait(seconds)

    def check(self) -> None:
        """Raise the interruption if a stop was requested.

        Raises
        ------
        Interruption
            ``Terminated``.
        """
        if self.requested:
            raise interruption()

    def acknowledge(self) -> None:
        """Begin the orderly end: from here on nothing is cancelled any more."""
        if self.requested:
            self._acknowledged.set()
            self._cancelled.wait(_CANCEL_TIMEOUT)

    def request(self) -> None:
        """Ask for a stop, and cancel statements until that is acknowledged.

        One cancel is not enough: it may come between two statements, where it does nothing.
        """
        self._requested.set()
        while not self._acknowledged.wait(_CANCEL_INTERVAL):
            connection = self._connection
            if connection is not None:
                # A connection that is gone has nothing to cancel.
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_CANCEL_TIMEOUT)
        self._cancelled.set()


def interruption(message: str = "", hint: str = "") -> Interruption:
    """Give the error that ends a run that was asked to stop."""
    return Interruption(
        Reason.TERMINATED,
        message or "the run was asked to stop; its open transaction was rolled back",
        hint=hint or "Run again: what is applied stays, the rest follows.",
    )


_STOPPING: Final = (
    "stopping: what runs is cancelled and its transaction rolled back; a second Ctrl-C leaves at "
    "once"
)
_AT_ONCE: Final = "left at once, without waiting for the server"
_TOO_LONG: Final = "left after waiting for the server in vain"
_UNCONNECTED: Final = "stopped before there was a connection: nothing was changed"
_CONNECTING_AGAIN: Final = "stopped while it tried to connect again after a lost connection"
_UNSEEN: Final = (
    "The server rolls back what was open as soon as it notices. Run again: what is applied stays, "
    "the rest follows."
)


def stop_on_signals(
    tell: Callable[[str], None] = lambda _: None,
    show: Callable[[Interruption], None] = lambda _: None,
    *,
    only_connects: bool = False,
) -> Stop:
    """Let SIGTERM and SIGINT request a stop from now on, in this thread and its children.

    If the orderly end takes too long, for instance because the network swallows everything, or
    when somebody presses Ctrl-C again, the process ends anyway: the server rolls back by itself.

    Parameters
    ----------
    tell
        Called with what is going on when a stop is requested.
    show
        Called with why the process ends without an orderly end, just before it does.
    only_connects
        Whether there is nothing to bring to an end as long as there is no connection: then a
        server that does not answer is not waited for.
    """
    stop = Stop()
    hold_signals()

    def leave(why: str, hint: str = _UNSEEN) -> None:
        if stop.claim_end():
            _end_in(_LAST_WORDS_SECONDS)
            show(interruption(why, hint))
            os._exit(Outcome.INTERRUPTED.exit_code)

    def wait_for_the_end() -> None:
        # Without a connection there is nothing to bring to an end, but somebody may be waiting
        # for one in a call that cannot be woken.
        acknowledged = stop.acknowledged(_UNCONNECTED_SECONDS)
        if only_connects and not acknowledged and not stop.attached:
            if stop.connects_again:
                leave(_CONNECTING_AGAIN)
            leave(_UNCONNECTED, "Run again.")
        time.sleep(_GRACE_SECONDS - _UNCONNECTED_SECONDS)
        leave(_TOO_LONG)

    def leave_when_asked_again() -> None:
        signal.sigwait({signal.SIGINT})
        leave(_AT_ONCE)

    def watch() -> None:
        signal.sigwait(_SIGNALS)
        for then in (wait_for_the_end, leave_when_asked_again, partial(tell, _STOPPING)):
            threading.Thread(target=then, name="stopping", daemon=True).start()
        stop.request()

    threading.Thread(target=watch, name="signals", daemon=True).start()
    return stop


def hold_signals() -> None:
    """Let SIGTERM and SIGINT wait until somebody takes them.

    For this thread and those it starts: a thread that does not hold them would be ended by them.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def _end_in(seconds: float) -> None:
    """End the process after a moment, whatever becomes of its last words."""
    timer = threading.Timer(seconds, os._exit, (Outcome.INTERRUPTED.exit_code,))
    timer.daemon = True
    timer.start()
