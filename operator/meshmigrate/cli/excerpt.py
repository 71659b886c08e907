"""What failed, where, and what to do: with the lines of the user's file, and a caret in them."""

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.result import FailureDetail
from meshmigrate.domain.runspec import Folders
from meshmigrate.source.decode import decode_script

_WIDEST: Final = 160
_BEFORE_COLUMN: Final = 100
_NO_WIDTH: Final = frozenset({"Mn", "Me", "Cf"})


def error_lines(
    failure: FailureDetail, folders: Folders | None, differences: Iterable[str] = ()
) -> Iterator[str]:
    """Give the lines that tell a person what failed, where, and what to do.

    The excerpt is of the user's file, never of what the server sent: that may repeat values.
    """
    place = ":".join(str(part) for part in (failure.file, failure.line, failure.column) if part)
    code = f" (SQLSTATE {failure.sqlstate})" if failure.sqlstate else ""
    named = failure.message.startswith(failure.statement)
    kind = "" if named else f"{failure.statement}: "
    yield f"{place}: {kind}{failure.message}{code}" if place else f"{kind}{failure.message}{code}"
    path = find_file(failure, folders)
    if path is not None:
        yield from _excerpt(path, failure)
    yield from (f"  {difference}" for difference in differences)
    if failure.hint:
        yield f"next: {failure.hint}"


def find_file(failure: FailureDetail, folders: Folders | None) -> Path | None:
    """Give the file that a failure names, as far as it is still there."""
    if folders is None or not failure.file:
        return None
    shown = Path(failure.file)
    for folder in map(Path, (*folders.migrations, *folders.rollbacks, *folders.checks)):
        path = folder / shown.name
        if folder.name == shown.parent.name and path.is_file():
            return path
    return None


def _excerpt(path: Path, failure: FailureDetail) -> Iterator[str]:
    """Give the failing line between its neighbours, and a caret under the failing character."""
    try:
        lines = decode_script(path.read_bytes(), failure.file).split("\n")
    except (OSError, MigrationError):
        return
    number, column = failure.line, failure.column or 1
    if number is None or number > len(lines):
        return
    margin = len(str(number + 1)) + 2
    for index in range(max(number - 1, 1), min(number + 1, len(lines)) + 1):
        line = lines[index - 1]
        if index == number or line.strip():
            # A long line is shown around its column, as are its neighbours.
            start = max(0, column - 1 - _BEFORE_COLUMN) if len(line) > _WIDEST else 0
            yield f"{index:>{margin}} | {_shown(line, start)}".rstrip()
            if index == number and failure.column:
                yield f"{'':>{margin}} | {_up_to(line, start, column)}^"


def _shown(line: str, start: int) -> str:
    cut = line[start : start + _WIDEST]
    before, after = "…" if start else "", "…" if start + _WIDEST < len(line) else ""
    return before + "".join(map(_harmless, cut)) + after


def _harmless(char: str) -> str:
    """Give a character that cannot steer a terminal."""
    return char if char == "\t" or char.isprintable() or _width(char) == 0 else "�"


def _up_to(line: str, start: int, column: int) -> str:
    """Give as much room as the text before a column takes; tabs stay tabs."""
    before = ("…" if start else "") + line[start : column - 1]
    return "".join("\t" if char == "\t" else " " * _width(char) for char in before)


def _width(char: str) -> int:
    """Give how many cells of a terminal a character takes (Unicode Standard Annex 11)."""
    if unicodedata.category(char) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
