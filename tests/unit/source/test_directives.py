"""Directives are refused as long as none has an effect."""

import pytest

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.source.directives import refuse_directives


def script(text: str) -> Script:
    """Give a migration of that text."""
    return Script(ScriptKind.MIGRATION, "m/1_a.sql", text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("-- meshmigrate: no-transaction\nSELECT 1;", "m/1_a.sql:1:1"),
        ("--meshmigrate:no-transaction", "m/1_a.sql:1:1"),
        ("-- MeshMigrate : timeout 30min", "m/1_a.sql:1:1"),
        ("\n-- a note\n/* a\n licence */\n  -- meshmigrate: x\n", "m/1_a.sql:5:3"),
        ("-- meshmigrate:\n", "m/1_a.sql:1:1"),
    ],
)
def test_a_directive_is_refused_with_its_place(text: str, place: str) -> None:
    """Nobody relies on a directive that does nothing."""
    with pytest.raises(Refusal) as caught:
        refuse_directives(script(text))
    assert caught.value.reason is Reason.INVALID_DIRECTIVE
    assert str(caught.value).startswith(f"{place}: ")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1;\n-- meshmigrate: no-transaction",
        "-- made with meshmigrate: a note",
        "/* meshmigrate: no-transaction */ SELECT 1;",
        "SELECT '\n-- meshmigrate: x\n'",
        "",
    ],
)
def test_other_comments_are_comments(text: str) -> None:
    """Only a line comment of that form, before the first statement, is a directive."""
    refuse_directives(script(text))
