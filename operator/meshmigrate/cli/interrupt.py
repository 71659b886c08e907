"""SIGTERM and Ctrl-C while a command only looks: nothing has to be brought to an end."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import click
import psycopg

from meshmigrate.cli.answer import tell_problem
from meshmigrate.engine.stop import hold_signals, interruption

if TYPE_CHECKING:
    from meshmigrate.engine.connect import Connection

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_CANCEL_SECONDS: Final = 2.0


class Looking:
    """What there is to end: a statement on the server, as long as there is no answer."""

    def __init__(self) -> None:
        self.answering = threading.Lock()
        """Held by who says how it ended: the command, or whoever stops it."""
        self._connection: Connection | None = None

    def attach(self, connection: "Connection") -> None:
        """Name the connection whose statement is cancelled."""
        self._connection = connection

    def cancel(self) -> None:
        """Cancel what the server does for us; it would go on without anybody to answer to."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=_CANCEL_SECONDS)


@contextmanager
def interruptible(*, as_json: bool) -> Iterator[Looking]:
    """End the process with exit code 30 when it is asked to stop, from now on.

    The answer, or why there is none, is known when the block ends; who stops what is shown then
    has seen enough.
    """
    looking = Looking()
    hold_signals()

    def watch() -> None:
        signal.sigwait(_SIGNALS)
        error = interruption("asked to stop; this command only reads", "Run again.")
        with suppress(OSError):
            if looking.answering.acquire(blocking=False):
                looking.cancel()
                tell_problem(error, as_json=as_json)
            else:
                click.echo(error.message, err=True)
        os._exit(error.outcome.exit_code)

    threading.Thread(target=watch, name="signals", daemon=True).start()
    try:
        yield looking
    finally:
        # Does not return where it is being stopped: its cancelled statement is no answer.
        looking.answering.acquire()
