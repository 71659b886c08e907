"""What a terminal shows: one place that tells what is going on, a table at the end."""

import time
from typing import Final

from rich.console import Console, ConsoleRenderable, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from meshmigrate.cli.output import last_line, proof_lines
from meshmigrate.domain.result import Result
from meshmigrate.engine.events import Event, EventName

_BEGINS: Final = {EventName.APPLYING, EventName.ROLLING_BACK}
_ENDS: Final = {
    EventName.APPLIED: ("applied", "green"),
    EventName.ROLLED_BACK: ("rolled back", "yellow"),
    EventName.FAILED: ("failed", "red"),
}
_IN_PLACE: Final = {
    EventName.RUNNING,
    EventName.WAITING_FOR_LOCK,
    EventName.WAITING_FOR_TABLES,
}


class TerminalView:
    """A progress bar and under it what takes long; warnings above, and at the end a table.

    Colours are rich's business: none where NO_COLOR is set.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=self._console,
        )
        self._task = self._progress.add_task("connecting", total=None)
        self._doing: list[str] = []
        self._began = time.monotonic()
        self._rows: list[tuple[str, Text, str]] = []
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=8,
            transient=True,
        )
        self._live.start()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if event.name in _IN_PLACE:
            self._doing = _lines(event)
            return
        self._doing = []
        if event.warning and event.name not in _ENDS:
            self._console.print(f"warning: {event.message}", style="yellow", markup=False)
            return
        self._progress.update(
            self._task, description=_counted(event), completed=event.done, total=event.total
        )
        if event.name in _BEGINS:
            self._began = time.monotonic()
        if event.name in _ENDS:
            state, style = _ENDS[event.name]
            seconds = time.monotonic() - self._began
            self._rows.append((event.version, Text(state, style=style), f"{seconds:.2f} s"))

    def close(self, result: Result) -> None:
        """Show how it ended."""
        self._live.stop()
        if self._rows:
            table = Table("Version", "State", "Time")
            for row in self._rows:
                table.add_row(*row)
            self._console.print(table)
        style = "green" if result.outcome.succeeded else "red"
        self._console.print(Text(last_line(result), style=style))
        for line in proof_lines(result):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _render(self) -> ConsoleRenderable:
        lines = (Text(f"  {line}", overflow="ellipsis", no_wrap=True) for line in self._doing)
        return Group(self._progress.get_renderable(), *lines)


def _counted(event: Event) -> str:
    if event.name in _BEGINS and event.done is not None:
        return f"{event.message} ({event.done + 1} of {event.total})"
    return event.message


def _lines(event: Event) -> list[str]:
    if event.name is not EventName.RUNNING:
        return [event.message]
    place = f"{event.file}:{event.line}:{event.column}"
    statement = f"{event.statement} at {place}, {event.seconds or 0:.0f} s"
    return [statement, event.state] if event.state else [statement]
