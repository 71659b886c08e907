"""The table of failure modes is complete, and each row's tests are there."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
ROW = re.compile(r"^\| (\d+) \|(.+)\|$", re.MULTILINE)
LINK = re.compile(r"\[(test_\w+)\]\(([\w./]+)\)")
ROWS = [(int(number), row) for number, row in ROW.findall((DOCS / "failure-modes.md").read_text())]


def test_every_fault_has_its_row() -> None:
    """49 faults, none twice."""
    assert sorted(number for number, _ in ROWS) == list(range(1, 50))


@pytest.mark.parametrize(("number", "row"), ROWS, ids=[f"fault {number}" for number, _ in ROWS])
def test_a_row_says_everything_and_names_tests_that_exist(number: int, row: str) -> None:
    """Fault, what happens, what is seen, what to do; each link leads to a function of its file."""
    *words, tests = row.split("|")
    assert len(words) == 4
    assert all(word.strip() for word in words)
    links = LINK.findall(tests)
    assert links, number
    for name, target in links:
        text = (DOCS / target).read_text()
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{target}: no {name}"
