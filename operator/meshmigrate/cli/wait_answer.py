"""What ``wait`` says at its end: how the run ended, as ``apply`` does; or that nobody saw it."""

import os
from pathlib import Path

import click
from msgspec.structs import replace

from meshmigrate.cli import github
from meshmigrate.cli.answer import give_json
from meshmigrate.cli.excerpt import error_lines
from meshmigrate.cli.output import last_line, proof_lines, until_closed
from meshmigrate.controller.await_end import Waited
from meshmigrate.domain.answers import Problem, WaitAnswer
from meshmigrate.domain.outcome import EXIT_END_NOT_SEEN, Outcome
from meshmigrate.domain.result import FailureDetail, Result
from meshmigrate.domain.runspec import Folders

_COMMAND = "meshmigrate wait"


def make_answer(waited: Waited, namespace: str, name: str, folders: Folders | None) -> WaitAnswer:
    """Give what became of waiting; a file that failed is named as it is here, if it is here."""
    end, look = waited.end, waited.look
    run = end.result if end else None
    if run is not None and run.failure is not None and look is not None:
        run = replace(run, failure=_found_here(run.failure, look.contents, folders))
    not_seen = "Deleted" if waited.deleted else "TimedOut"
    return WaitAnswer(
        api_version=1,
        namespace=namespace,
        name=name,
        outcome=end.outcome if end else not_seen,
        exit_code=end.outcome.exit_code if end else EXIT_END_NOT_SEEN,
        phase=look.phase if look else "",
        reason=look.reason if look else "",
        message=look.message if look else "the API server has not answered",
        run=run,
    )


@until_closed()
def show_answer(answer: WaitAnswer, folders: Folders | None, *, as_json: bool) -> None:
    """Print the answer, and tell GitHub Actions where that is what runs this."""
    if as_json:
        give_json(answer)
    if answer.exit_code == EXIT_END_NOT_SEEN:
        _show_no_end(answer, as_json=as_json)
        return
    told = answer.run or _without_details(answer)
    if not as_json:
        _show_end(told, folders)
    github.report(told, folders, _COMMAND)


def _show_end(told: Result | Problem, folders: Folders | None) -> None:
    if isinstance(told, Result):
        click.echo(last_line(told))
        for line in proof_lines(told):
            click.echo(line)
        differences = told.differences
    else:
        click.echo(f"{told.outcome}: {told.message}")
        differences = ()
    if isinstance(told, Result) and told.failure is not None:
        for line in error_lines(told.failure, folders, differences):
            click.echo(line, err=True)


def _show_no_end(answer: WaitAnswer, *, as_json: bool) -> None:
    if answer.outcome == "Deleted":
        why, hint = "the resource was deleted", "The log in the database tells what the run did."
    else:
        why = "the run has not ended in time; it goes on"
        hint = f"Wait again, or look: `kubectl describe databasemigration {answer.name}`."
    state = f"{answer.phase}: {answer.message}" if answer.phase else answer.message
    if not as_json:
        click.echo(f"{why}; last seen: {state}\nnext: {hint}", err=True)
    github.report_no_end(f"{_COMMAND}: {answer.outcome}", f"{why}; last seen: {state}")


def _without_details(answer: WaitAnswer) -> Problem:
    return Problem(
        api_version=1,
        outcome=Outcome(answer.outcome),
        reason=answer.reason,
        message=answer.message,
        failure=FailureDetail(message=answer.message),
    )


def _found_here(
    failure: FailureDetail, contents: dict[str, str], folders: Folders | None
) -> FailureDetail:
    """Name the file by its folder here instead of by the ConfigMap it was mounted from."""
    mounted = Path(failure.file)
    content = contents.get(mounted.parent.name)
    for folder in getattr(folders, content, ()) if content and folders else ():
        path = Path(folder) / mounted.name
        if path.is_file():
            return replace(failure, file=os.fspath(path))
    return failure
