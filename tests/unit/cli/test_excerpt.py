"""The excerpt of an error: the user's own lines, and a caret under the right character."""

from pathlib import Path

import pytest

from meshmigrate.cli.excerpt import error_lines
from meshmigrate.domain.result import FailureDetail
from meshmigrate.domain.runspec import Folders


def excerpt(tmp_path: Path, text: str | bytes, line: int, column: int | None) -> list[str]:
    """Give the lines that are shown for a failure in a file of this content."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    folder.joinpath("1_a.sql").write_bytes(text.encode() if isinstance(text, str) else text)
    failure = FailureDetail(message="no", file="migrations/1_a.sql", line=line, column=column)
    first, *lines = error_lines(failure, Folders(migrations=(str(folder),)))
    assert first.endswith(": no")
    return lines


def test_the_line_stands_between_its_neighbours(tmp_path: Path) -> None:
    """With their numbers, and the caret under the column."""
    text = "CREATE TABLE a (x int);\nALTER TABLE a\n  ADD y nosuch;\nSELECT 1;\nSELECT 2;\n"
    assert excerpt(tmp_path, text, 3, 9) == [
        "  2 | ALTER TABLE a",
        "  3 |   ADD y nosuch;",
        "    |         ^",
        "  4 | SELECT 1;",
    ]


def test_the_first_and_the_last_line_have_one_neighbour(tmp_path: Path) -> None:
    """A file of one line has none; an empty neighbour is left out."""
    assert excerpt(tmp_path, "SELECT x\n\n", 1, 8) == ["  1 | SELECT x", "    |        ^"]


def test_tabs_stay_tabs_before_the_caret(tmp_path: Path) -> None:
    """However wide a terminal shows them, the caret is as far to the right."""
    assert excerpt(tmp_path, "\tx\ty", 1, 4) == ["  1 | \tx\ty", "    | \t \t^"]


@pytest.mark.parametrize(
    ("before", "room"),
    [("é", 1), ("表", 2), ("😀", 2), ("e\u0301", 1), ("\u200b", 0), ("\uff57", 2)],
)
def test_a_character_takes_the_cells_that_a_terminal_gives_it(
    tmp_path: Path, before: str, room: int
) -> None:
    """East Asian and emoji are two wide, combining marks take no room."""
    lines = excerpt(tmp_path, f"{before}x", 1, len(before) + 1)
    assert lines[1] == f"    | {' ' * room}^"


def test_crlf_and_a_byte_order_mark_do_not_count(tmp_path: Path) -> None:
    """Lines and columns are those of the normalised text, as everywhere."""
    lines = excerpt(tmp_path, b"\xef\xbb\xbfSELECT 1;\r\nSELECT x;\r\n", 2, 8)
    assert lines == ["  1 | SELECT 1;", "  2 | SELECT x;", "    |        ^"]


def test_a_long_line_is_shown_around_the_column(tmp_path: Path) -> None:
    """A file of a megabyte in one line does not fill the screen."""
    line, caret = excerpt(tmp_path, "a" * 500_000 + "!" + "b" * 500_000, 1, 500_001)
    assert len(line) < 200
    assert line[caret.index("^")] == "!"
    assert "…" in line


def test_what_steers_a_terminal_is_not_passed_on(tmp_path: Path) -> None:
    """An escape sequence in a file is shown as a character that does nothing."""
    line, caret = excerpt(tmp_path, "SELECT '\x1b[2J' x", 1, 15)
    assert "\x1b" not in line
    assert line[caret.index("^")] == "x"


def test_without_a_column_there_is_no_caret(tmp_path: Path) -> None:
    """The line alone."""
    assert excerpt(tmp_path, "SELECT 1", 1, None) == ["  1 | SELECT 1"]


def test_a_file_that_was_changed_meanwhile_is_not_quoted(tmp_path: Path) -> None:
    """Gone, shorter than the line, or no text any more: the place and the message stay."""
    assert excerpt(tmp_path, b"SELECT 1", 7, 1) == []
    folders = Folders(migrations=(str(tmp_path / "migrations"),))
    tmp_path.joinpath("migrations", "1_a.sql").write_bytes(b"\xff\xfe\x00")
    failure = FailureDetail(message="no", file="migrations/1_a.sql", line=1, column=1)
    assert list(error_lines(failure, folders)) == ["migrations/1_a.sql:1:1: no"]
    gone = FailureDetail(message="no", file="migrations/2_b.sql", line=1, hint="Do it.")
    assert list(error_lines(gone, folders)) == ["migrations/2_b.sql:1: no", "next: Do it."]
