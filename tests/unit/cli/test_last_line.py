"""How a run ended: once, and the error after it with its place and the next step."""

import io

import pytest
from rich.console import Console

from meshmigrate.cli.excerpt import error_lines
from meshmigrate.cli.output import PlainView, View
from meshmigrate.cli.output_terminal import TerminalView
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import FailureDetail, Result

REFUSED = Result(
    api_version=1,
    run_id="7f0c2f4e-5a0e-4d53-9d0f-6d1f0c2b7a11",
    attempt=1,
    outcome=Outcome.REFUSED,
    reason="MissingFile",
    message="version 2 is gone",
    failure=FailureDetail(message="version 2 is gone"),
)


def shown_by(view: View, shown: io.StringIO, result: Result) -> str:
    """Give the last line of a view."""
    view.close(result)
    return shown.getvalue().splitlines()[-1]


def test_an_error_that_says_it_all_is_not_said_twice(capsys: pytest.CaptureFixture[str]) -> None:
    """It follows on standard error, with its place and what to do."""
    PlainView().close(REFUSED)
    assert capsys.readouterr().out == "Refused\n"


def test_what_the_error_does_not_say_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """How the database was left belongs to the answer."""
    failure = FailureDetail(message="no such table")
    PlainView().close(Result(**{**REFUSED_FIELDS, "failure": failure}))
    assert capsys.readouterr().out == "Refused: version 2 is gone\n"


REFUSED_FIELDS = {name: getattr(REFUSED, name) for name in REFUSED.__struct_fields__}


def test_a_terminal_shows_the_same_in_one_colour() -> None:
    """No number of the message stands out in a colour of its own."""
    shown = io.StringIO()
    view = TerminalView(Console(file=shown, force_terminal=True, width=80))
    done = Result(**{**REFUSED_FIELDS, "outcome": Outcome.SUCCEEDED, "failure": None})
    assert shown_by(view, shown, done).endswith("\x1b[32mSucceeded: version 2 is gone\x1b[0m")


def test_a_statement_is_not_named_twice() -> None:
    """Where the message begins with it, that is enough."""
    failure = FailureDetail(message="BEGIN divides the transaction", statement="BEGIN")
    assert list(error_lines(failure, None)) == ["BEGIN divides the transaction"]
    failure = FailureDetail(message="relation a does not exist", statement="DROP TABLE")
    assert list(error_lines(failure, None)) == ["DROP TABLE: relation a does not exist"]
