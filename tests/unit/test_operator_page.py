"""docs/operator.md knows every reason, and what it and docs/security.md link to is there."""

import re
from collections import Counter
from pathlib import Path

import pytest

from meshmigrate.domain.reason import Reason

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "operator.md").read_text()
REASONS = PAGE.partition("## Every reason")[2].partition("\n## ")[0]
TABLES, _, ON_THE_COMMAND_LINE = REASONS.partition("### On the command line only")
ROWS = re.findall(r"^\| (`[^|]+`) \| ([^|]+) \| ([^|]+) \|$", TABLES, re.MULTILINE)


def test_every_reason_is_explained_once() -> None:
    """In one row of one table, or as one that no resource can have; and none that is not there."""
    words = [word for reasons, _, _ in ROWS for word in re.findall(r"`(\w+)`", reasons)]
    words += re.findall(r"`([A-Z]\w+)`", ON_THE_COMMAND_LINE)
    assert Counter(words) == Counter(reason.value for reason in Reason)


def test_every_row_says_what_it_means_and_what_to_do() -> None:
    """Nobody is left alone with a word."""
    assert len(ROWS) == TABLES.count("\n| `")
    assert all(len(meaning) > 10 and len(action) > 4 for _, meaning, action in ROWS)


@pytest.mark.parametrize("name", ["operator.md", "security.md"])
def test_every_link_leads_somewhere(name: str) -> None:
    """Within the documentation and to the tests."""
    text = (DOCS / name).read_text()
    for link, heading in re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", text):
        page = DOCS / (link or name)
        assert page.exists(), link
        titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        assert not heading or heading in {
            title.lower().replace(",", "").replace(" ", "-") for title in titles
        }
