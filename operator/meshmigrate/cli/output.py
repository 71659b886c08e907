"""What a person reads of a run: lines for a pipe, and that this program is at fault."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

import click

from meshmigrate.domain.result import Result
from meshmigrate.engine.events import Event, EventName, Paced


def internal_error(error: Exception) -> tuple[str, str]:
    """Say that this program is at fault, and where, and what to do; never the error's own text.

    That text may repeat anything, a connection string included.
    """
    last = traceback.extract_tb(error.__traceback__)[-1]
    message = (
        f"internal error: {type(error).__name__} in {Path(last.filename).name}, line "
        f"{last.lineno}. This is a fault of meshmigrate. What was not committed is rolled back "
        "by the server, and the ledger says what is applied."
    )
    return message, "run the same again; if it stays, report it with the output of --debug."


@contextmanager
def until_closed() -> Iterator[None]:
    """Let whoever closes a pipe early, such as ``head``, have seen enough.

    What is still to come goes nowhere, also what the interpreter flushes at its end (Python
    library reference, "Note on SIGPIPE"); the exit code stays the command's own. That nothing can
    be written for another reason, such as a full disk, is said on standard error.
    """
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            click.echo(f"standard output cannot be written: {error.strerror}", err=True)


_RUNNING_EVERY: Final = 10.0
_COUNTED: Final = {EventName.APPLYING, EventName.ROLLING_BACK}


class View(Protocol):
    """Shows a run while it works, and how it ended."""

    def __call__(self, event: Event) -> None:
        """Show an event."""
        ...

    def close(self, result: Result) -> None:
        """Show how it ended."""
        ...


def last_line(result: Result) -> str:
    """Give the end of the answer; what the error after it says as well is left to that."""
    said = result.failure is not None and result.failure.message == result.message
    return str(result.outcome) if said else f"{result.outcome}: {result.message}"


class PlainView:
    """One line per event, for pipes and logs; a statement that takes long, every ten seconds."""

    def __init__(self) -> None:
        self._paced = Paced(self._print, _RUNNING_EVERY)

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self._paced(event)

    def _print(self, event: Event) -> None:
        if event.name is EventName.FINISHED:
            return
        word = "warning: " if event.warning else ""
        counted = event.name in _COUNTED and event.done is not None
        place = f" ({(event.done or 0) + 1} of {event.total})" if counted else ""
        click.echo(f"{word}{event.message}{place}")
        sys.stdout.flush()

    def close(self, result: Result) -> None:
        """Show how it ended."""
        click.echo(last_line(result))
        for line in proof_lines(result):
            click.echo(line)


def proof_lines(result: Result) -> Iterator[str]:
    """Show the digests by which it is proven that a run went back to where it had to."""
    schema = result.fingerprint
    if schema is None or not schema.expected:
        return
    where = "before the run" if schema.expected == schema.before else "at that version"
    yield f"  schema {where}: {schema.expected}"
    yield f"  schema after the run: {schema.after} ({'equal' if schema.proven else 'not equal'})"
