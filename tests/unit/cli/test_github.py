"""GitHub Actions: the annotation at the failing line, and the summary of the step."""

from pathlib import Path

import pytest

from meshmigrate.cli.github import annotation, report, summary_lines
from meshmigrate.domain.answers import Problem
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import FailureDetail, Result, Versions
from meshmigrate.domain.runspec import Folders

FAILURE = FailureDetail(
    message='type "a|b" does not exist',
    hint="Correct it.",
    file="migrations/1_a.sql",
    line=3,
    column=15,
    sqlstate="42704",
)
RESULT = Result(
    api_version=1,
    run_id="7f0c2f4e-5a0e-4d53-9d0f-6d1f0c2b7a11",
    attempt=1,
    outcome=Outcome.ROLLED_BACK,
    reason="StatementFailed",
    message="version 3 failed",
    applied=Versions(count=2, first="1", last="2"),
    rolled_back=Versions(count=2, first="2", last="1"),
    pending_count=3,
    failure=FAILURE,
    differences=("relations: public.a_b",),
)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """Give a folder with the file that failed, inside a workspace."""
    folder = tmp_path / "db" / "migrations"
    folder.mkdir(parents=True)
    folder.joinpath("1_a.sql").write_text("SELECT 1")
    return Folders(migrations=(str(folder),))


def test_the_annotation_names_the_file_from_the_root_of_the_repository(
    tmp_path: Path, folders: Folders
) -> None:
    """With line and column, so that it stands beside the line of a pull request."""
    assert annotation(FAILURE, folders, "Failed: StatementFailed", tmp_path) == (
        "::error file=db/migrations/1_a.sql,line=3,col=15,title=Failed%3A StatementFailed::"
        'type "a|b" does not exist (SQLSTATE 42704)%0Anext: Correct it.'
    )


def test_an_error_without_a_place_is_an_annotation_too(tmp_path: Path) -> None:
    """Of the step as a whole."""
    failure = FailureDetail(message="50% gone\r\nreally")
    assert annotation(failure, None, "Unreachable", tmp_path) == (
        "::error title=Unreachable::50%25 gone%0D%0Areally"
    )


def test_the_summary_says_how_it_ended_where_and_what_is_next() -> None:
    """In Markdown, in which no text of ours is taken for markup."""
    text = "\n".join(summary_lines(RESULT, "meshmigrate apply"))
    assert text.startswith("### ❌ meshmigrate apply: RolledBack\n\nversion 3 failed\n")
    assert "| rolled back | 2: 2 to 1 |" in text
    assert "- where: `migrations/1_a.sql:3:15`" in text
    assert '- what: type "a\\|b" does not exist' in text
    assert "- next: Correct it." in text
    assert "- relations: public.a\\_b" in text


def test_html_in_a_message_stays_text() -> None:
    """A name in a migration may be anything."""
    problem = Problem(
        api_version=1,
        outcome=Outcome.REFUSED,
        reason="SyntaxError",
        message="<script>&",
        failure=FailureDetail(message="x"),
    )
    assert "&lt;script>&amp;" in list(summary_lines(problem, "meshmigrate plan"))


def test_elsewhere_nothing_is_written(
    tmp_path: Path, folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only GITHUB_ACTIONS=true says that somebody reads this."""
    summary = tmp_path / "summary"
    report(RESULT, folders, "apply", {"GITHUB_STEP_SUMMARY": str(summary)})
    assert capsys.readouterr() == ("", "")
    assert not summary.exists()


def test_there_both_are_and_standard_output_stays_free(
    tmp_path: Path, folders: Folders, capsys: pytest.CaptureFixture[str]
) -> None:
    """A summary is added to what other commands of the step have written."""
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(summary),
        "GITHUB_WORKSPACE": str(tmp_path),
    }
    report(RESULT, folders, "meshmigrate apply", environment)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("::error file=db/migrations/1_a.sql,")
    assert summary.read_text().startswith("before\n### ❌ meshmigrate apply: RolledBack")


def test_a_summary_that_cannot_be_written_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run has ended by then: its exit code counts."""
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "where")}
    report(RESULT, None, "apply", environment)
    assert "warning: no step summary" in capsys.readouterr().err
