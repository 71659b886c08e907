"""What a terminal shows: progress while it runs, a table at the end."""

import time
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from meshmigrate.domain.result import Result
from meshmigrate.engine.events import Event, EventName

_BEGINS: Final = {EventName.APPLYING, EventName.ROLLING_BACK}
_ENDS: Final = {
    EventName.APPLIED: "[green]applied[/]",
    EventName.ROLLED_BACK: "[yellow]rolled back[/]",
    EventName.FAILED: "[red]failed[/]",
}


class TerminalView:
    """A progress bar, warnings above it, and at the end one row per version."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task("connecting", total=None)
        self._began = time.monotonic()
        self._rows: list[tuple[str, str, str]] = []
        self._progress.start()

    def __call__(self, event: Event) -> None:
        """Show an event."""
        self._progress.update(
            self._task, description=event.message, completed=event.done, total=event.total
        )
        if event.name in _BEGINS:
            self._began = time.monotonic()
        state = _ENDS.get(event.name)
        if state is not None:
            seconds = time.monotonic() - self._began
            self._rows.append((event.version, state, f"{seconds:.2f} s"))
        elif event.warning:
            self._console.print(f"warning: {event.message}", style="yellow", markup=False)

    def close(self, result: Result) -> None:
        """Show how it ended."""
        self._progress.stop()
        if self._rows:
            table = Table("Version", "State", "Time")
            for row in self._rows:
                table.add_row(*row)
            self._console.print(table)
        style = "green" if result.outcome.succeeded else "red"
        self._console.print(f"{result.outcome}: {result.message}", style=style, markup=False)
