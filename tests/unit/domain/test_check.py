"""The words of a check that does not hold."""

import pytest

from meshmigrate.domain.check import own_words
from meshmigrate.domain.script import Script, ScriptKind, Statement


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        ("", "SELECT x"),
        ("-- owners exist\n", "owners exist: SELECT x"),
        ("-- every table\n--\n-- has owners\n  ", "every table has owners: SELECT x"),
        ("-- a heading\n\n", "SELECT x"),
        ("-- meshmigrate: timeout 1s\n-- owners exist\n", "owners exist: SELECT x"),
        ("SELECT 1; -- holds\n", "SELECT x"),
        ("SELECT 1; /* beside */ ", "SELECT x"),
    ],
)
def test_the_comment_directly_above_belongs_to_a_check(above: str, expected: str) -> None:
    """Not a heading, not a directive, and not what stands beside another statement."""
    assert words(above, "SELECT x\nFROM y") == expected


def test_literals_are_left_out_and_long_parts_are_cut() -> None:
    """They may be what nobody should read in a log."""
    assert words("", "SELECT mail <> 'o''hara' AND 'open") == "SELECT mail <> '…' AND '…'"
    long = words(f"-- {'a' * 300}\n", f"SELECT {'b' * 300}")
    assert [len(part) for part in long.split(": ")] == [200, 200]


def words(above: str, query: str) -> str:
    """Give the words of a check under some text."""
    script = Script(ScriptKind.CHECK, "checks/1_c.sql", above + query)
    return own_words(script, Statement(text=query, kind="SELECT", offset=len(above)))
