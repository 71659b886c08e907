"""What ``wait`` shows while it waits: lines for a pipe, one place on a terminal."""

import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import click

from meshmigrate.controller.awaited_run import Look

_SAME_EVERY: Final = 10.0
_SAME_WHERE: Final = ("direction", "version", "statement", "waitingFor")


class WaitView(Protocol):
    """Shows what is seen while it is waited."""

    def look(self, look: Look) -> None:
        """Show the resource."""
        ...

    def no_answer(self, why: str) -> None:
        """Show that the API server did not answer."""
        ...

    def close(self) -> None:
        """Leave the screen to others."""
        ...


def choose_view(*, as_json: bool) -> WaitView:
    """Give what suits standard output."""
    if as_json:
        return NoView()
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from meshmigrate.cli.wait_terminal import TerminalWaitView

        return TerminalWaitView()
    return PlainWaitView()


class NoView:
    """Shows nothing: the answer is all that was asked for."""

    def look(self, look: Look) -> None:
        """Show nothing."""

    def no_answer(self, why: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Have nothing to leave."""


class PlainWaitView:
    """A line when something changes; a statement that takes long, every ten seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._state = ""
        self._doing: tuple[Any, ...] = ()
        self._shown_at = 0.0

    def look(self, look: Look) -> None:
        """Show the resource; its end is shown by the answer."""
        if look.end is not None:
            return
        self._tell(state_line(look))
        doing = tuple(look.progress.get(part) for part in _SAME_WHERE)
        old = self._clock() - self._shown_at >= _SAME_EVERY
        if look.progress and (doing != self._doing or old):
            self._doing, self._shown_at = doing, self._clock()
            for line in progress_lines(look.progress):
                click.echo(f"  {line}")
            sys.stdout.flush()

    def no_answer(self, why: str) -> None:
        """Say so once."""
        self._tell(f"warning: {why}; asking again")

    def close(self) -> None:
        """Have nothing to leave."""

    def _tell(self, state: str) -> None:
        if state != self._state:
            self._state = state
            click.echo(state)
            sys.stdout.flush()


def state_line(look: Look) -> str:
    """Say in a line where the resource is."""
    return f"{look.phase}: {look.message}"


def progress_lines(progress: dict[str, Any]) -> list[str]:
    """Say what the run in flight is at, what it waits for and who is in its way.

    Parameters
    ----------
    progress
        ``status.currentRun.progress``, in which anything may be left out.
    """
    tell = progress.get
    if not progress:
        return []
    way = "taking back " if tell("direction") == "down" else ""
    count = f" ({tell('applied', 0) + 1} of {tell('total')})" if tell("total") else ""
    place = f" at {tell('file')}:{tell('line')}" if tell("file") and tell("line") else ""
    seconds = f", {tell('seconds')} s" if tell("seconds") else ""
    statement = f": {tell('statement')}{place}{seconds}" if tell("statement") else ""
    return [
        f"{way}{tell('version', '')}{count}{statement}",
        *filter(None, (tell("cause"), tell("doing"))),
        *(f"waits for {each}" for each in (tell("waitingFor"),) if each),
        *(f"in its way: {each}" for each in tell("blockers", ())),
    ]
