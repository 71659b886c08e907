"""What a person reads: lines for a pipe, the place and the next step of an error."""

import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

import click

from meshmigrate.domain.result import FailureDetail, Result
from meshmigrate.domain.runspec import Folders
from meshmigrate.engine.events import Event, EventName


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


_COUNTED: Final = {EventName.APPLYING, EventName.ROLLING_BACK}


class View(Protocol):
    """Shows a run while it works, and how it ended."""

    def __call__(self, event: Event) -> None:
        """Show an event."""
        ...

    def close(self, result: Result) -> None:
        """Show how it ended."""
        ...


class PlainView:
    """One line per event, for pipes and logs."""

    def __call__(self, event: Event) -> None:
        """Show an event."""
        if event.name is EventName.FINISHED:
            return
        word = "warning: " if event.warning else ""
        counted = event.name in _COUNTED and event.done is not None
        place = f" ({(event.done or 0) + 1} of {event.total})" if counted else ""
        click.echo(f"{word}{event.message}{place}")
        sys.stdout.flush()

    def close(self, result: Result) -> None:
        """Show how it ended."""
        click.echo(f"{result.outcome}: {result.message}")


def error_lines(
    failure: FailureDetail, folders: Folders | None, differences: Iterable[str] = ()
) -> Iterator[str]:
    """Give the lines that tell a person what failed, where, and what to do."""
    place = ":".join(str(part) for part in (failure.file, failure.line, failure.column) if part)
    code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    kind = f"{failure.statement}: " if failure.statement else ""
    yield f"{place}: {kind}{failure.message}{code}" if place else f"{kind}{failure.message}{code}"
    line = _source_line(failure, folders) if folders else None
    if line is not None:
        yield f"  {line}"
        if failure.column:
            # Tabs stay tabs, so that the caret stands under its character.
            before = line[: failure.column - 1]
            yield "  " + "".join("\t" if char == "\t" else " " for char in before) + "^"
    yield from (f"  {difference}" for difference in differences)
    if failure.hint:
        yield f"next: {failure.hint}"


def _source_line(failure: FailureDetail, folders: Folders) -> str | None:
    shown = Path(failure.file)
    for folder in map(Path, (*folders.migrations, *folders.rollbacks, *folders.checks)):
        if folder.name != shown.parent.name or not failure.line:
            continue
        try:
            lines = folder.joinpath(shown.name).read_text("utf-8-sig").split("\n")
        except (OSError, UnicodeDecodeError):
            continue
        if failure.line <= len(lines):
            return lines[failure.line - 1]
    return None
