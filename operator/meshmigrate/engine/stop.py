"""Stopping on SIGTERM and SIGINT: cancel what the server does, let the work end in order.

No signal handler runs any code: a thread takes the signals with ``sigwait``, so nothing is
ever interrupted between a COMMIT and the note that it happened.
"""

import os
import signal
import threading
from contextlib import suppress
from typing import Any, Final

import psycopg

from meshmigrate.domain.errors import Interruption
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_CANCEL_INTERVAL: Final = 0.2
_CANCEL_TIMEOUT: Final = 2.0
_GRACE_SECONDS: Final = 10.0


class Stop:
    """Whether somebody asked this process to stop, and the statement to cancel when they do."""

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._acknowledged = threading.Event()
        self._cancelled = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None

    @property
    def requested(self) -> bool:
        """Whether a stop was asked for and is not yet being acted upon."""
        return self._requested.is_set() and not self._acknowledged.is_set()

    def attach(self, connection: psycopg.Connection[Any]) -> None:
        """Name the connection whose statement a request cancels."""
        self._connection = connection

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


def interruption() -> Interruption:
    """Give the error that ends a run that was asked to stop."""
    return Interruption(
        Reason.TERMINATED,
        "the run was asked to stop; its open transaction was rolled back",
        hint="Run again: what is applied stays, the rest follows.",
    )


def stop_on_signals() -> Stop:
    """Let SIGTERM and SIGINT request a stop from now on, in this thread and its children.

    If the orderly end takes longer than 10 s, for instance because the network swallows
    everything, the process ends anyway: the server rolls back by itself.
    """
    stop = Stop()
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)

    def watch() -> None:
        signal.sigwait(_SIGNALS)
        backstop = threading.Timer(_GRACE_SECONDS, os._exit, (Outcome.INTERRUPTED.exit_code,))
        backstop.daemon = True
        backstop.start()
        stop.request()

    threading.Thread(target=watch, name="signals", daemon=True).start()
    return stop
