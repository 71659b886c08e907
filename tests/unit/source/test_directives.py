"""Directives are read where they have an effect, and refused wherever they have none."""

import pytest

from meshmigrate.domain.directive import Directive, Word
from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.source.directives import make_script
from meshmigrate.sql.prepare import prepare


def script(text: str, kind: ScriptKind = ScriptKind.MIGRATION) -> Script:
    """Give a script of that text."""
    return make_script(kind, "m/1_a.sql", text)


def refusal(text: str, kind: ScriptKind = ScriptKind.MIGRATION) -> Refusal:
    """Give the refusal that a file must end with."""
    with pytest.raises(Refusal) as caught:
        prepare(script(text, kind))
    assert caught.value.reason is Reason.INVALID_DIRECTIVE
    return caught.value


def test_a_directive_is_read_with_its_arguments_and_place() -> None:
    """Each word once, behind other comments too, whatever the case of the prefix."""
    text = "\n-- a note\n/* a /* nested */\n licence */;\n  --MeshMigrate :  timeout  1.5h \n"
    (found,) = script(text + "SELECT 1").directives
    assert found == Directive(Word.TIMEOUT, "1.5h", Location("m/1_a.sql", 5, 3))
    both = script("-- meshmigrate: no-transaction\n-- meshmigrate: timeout 10s")
    assert (both.no_transaction, both.timeout_seconds) == (True, 10.0)
    plain = script("SELECT 1")
    assert (plain.no_transaction, plain.timeout_seconds, plain.irreversible) == (False, None, None)


def test_the_reason_of_an_irreversible_script_is_its_argument() -> None:
    """As written, to the end of the line."""
    found = script("-- meshmigrate: irreversible the old  column\n", ScriptKind.ROLLBACK)
    assert found.irreversible == "the old  column"


def test_a_hazard_is_allowed_with_a_reason() -> None:
    """As written, to the end of the line; in a migration only, as nothing else is asked."""
    line = "-- meshmigrate: allow DeletesData nobody  reads them\nSELECT 1"
    assert script(line).allowed == {"DeletesData": "nobody  reads them"}
    assert script("SELECT 1").allowed == {}
    for kind in (ScriptKind.ROLLBACK, ScriptKind.CHECK):
        assert f"no meaning in a {kind} script" in refusal(line, kind).message


@pytest.mark.parametrize(
    ("time", "seconds"),
    [("250ms", 0.25), ("90s", 90), ("30 min", 1800), ("2h", 7200), ("1d", 86400)],
)
def test_a_time_has_postgresql_s_units(time: str, seconds: float) -> None:
    """Milliseconds to days."""
    assert script(f"-- meshmigrate: timeout {time}\nSELECT 1").timeout_seconds == seconds


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("-- meshmigrate: no-transactions", "1:1", "'no-transactions' is unknown"),
        ("\n --meshmigrate:\nSELECT 1", "2:2", "'' is unknown"),
        ("-- meshmigrate: No-Transaction", "1:1", "'No-Transaction' is unknown"),
        ("-- meshmigrate: allow", "1:1", "there is no hazard ''"),
        ("-- meshmigrate: allow deletesdata old", "1:1", "there is no hazard 'deletesdata'"),
        ("-- meshmigrate: allow DeletesData", "1:1", "'allow' needs a reason"),
        (
            "-- meshmigrate: allow DeletesData a\n-- meshmigrate: allow DeletesData b",
            "2:1",
            "twice",
        ),
        ("-- meshmigrate: no-transaction yes", "1:1", "takes no argument"),
        ("-- meshmigrate: timeout", "1:1", "needs a time"),
        ("-- meshmigrate: timeout 30", "1:1", "needs a time"),
        ("-- meshmigrate: timeout 0s", "1:1", "needs a time"),
        ("-- meshmigrate: timeout 25d", "1:1", "needs a time"),
        ("-- meshmigrate: timeout -1s", "1:1", "needs a time"),
        ("-- meshmigrate: irreversible why", "1:1", "no meaning in a migration script"),
        ("-- meshmigrate: timeout 1s\n-- meshmigrate: timeout 2s", "2:1", "is given twice"),
    ],
)
def test_what_is_not_a_directive_is_refused(text: str, place: str, problem: str) -> None:
    """With file, line and column, and the list of those there are."""
    refused = refusal(text)
    assert str(refused).startswith(f"m/1_a.sql:{place}: ")
    assert problem in refused.message
    for word in Word:
        assert word in refused.hint


def test_directives_are_refused_in_files_of_another_kind() -> None:
    """A check has a timeout and nothing else; an irreversible rollback script needs a reason."""
    assert script("-- meshmigrate: timeout 1s\nSELECT true", ScriptKind.CHECK).timeout_seconds == 1
    no_transaction = "-- meshmigrate: no-transaction\nSELECT true"
    assert "in a check script" in refusal(no_transaction, ScriptKind.CHECK).message
    assert "a reason" in refusal("-- meshmigrate: irreversible", ScriptKind.ROLLBACK).message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("SELECT 1;\n-- meshmigrate: no-transaction", "2:1"),
        ("SELECT 1; /* a */\n\n  -- meshmigrate: timeout 1s\nSELECT 2;", "3:3"),
        ("SELECT 'é';;-- meshmigrate: irreversible x\nSELECT 2", "1:13"),
    ],
)
def test_a_directive_behind_a_statement_is_refused(text: str, place: str) -> None:
    """It would have no effect there."""
    refused = refusal(text)
    assert str(refused).startswith(f"m/1_a.sql:{place}: ")
    assert "stands behind a statement" in refused.message


@pytest.mark.parametrize(
    "text",
    [
        "-- made with meshmigrate: a note\nSELECT 1",
        "/* meshmigrate: no-transaction */ SELECT 1;",
        "/*\n-- meshmigrate: no-transaction\n/* */ */ SELECT 1;",
        "SELECT '\n-- meshmigrate: no-transaction\n'",
        "SELECT $$\n-- meshmigrate: timeout 1s\n$$; SELECT 2",
        "SELECT 1; -- meshmigrate: the table of the old version",
        "SELECT 1; /* -- meshmigrate: timeout 1s\n */ SELECT 2",
        "",
    ],
)
def test_other_comments_are_comments(text: str) -> None:
    """Only a line comment of that form, and behind a statement only one with a known word."""
    assert script(text).directives == ()
    prepare(script(text))
