"""A run in front of a person, or of a program that asked for JSON."""

import os
import sys
from functools import partial
from typing import TYPE_CHECKING

import click

from meshmigrate.cli.options import ReadURL
from meshmigrate.domain.runspec import RunSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from meshmigrate.cli.notify import Teller
    from meshmigrate.cli.output import View
    from meshmigrate.cli.start import Start
    from meshmigrate.domain.result import Result
    from meshmigrate.engine.ending import Ending


def run_in_foreground(
    spec: RunSpec,
    read_url: ReadURL,
    *,
    as_json: bool,
    start: "Start | None" = None,
    teller: "Teller | None" = None,
) -> int:
    """Do what a spec asks for, show how it ended, and give the exit code that stands for it.

    Parameters
    ----------
    start
        What to do, if not to apply.
    teller
        Who is told how it ended, when it has been shown.
    """
    from meshmigrate.cli.start import carry_out
    from meshmigrate.engine.run import run

    command = click.get_current_context().command_path
    start = start or run

    def report(result: "Result") -> None:
        _report(result, spec, command)
        if teller is not None:
            teller.tell(result)

    if as_json:
        ending = carry_out(
            spec, read_url, lambda _: None, partial(_give_json, report), start, watched=False
        )
    else:
        view = _view()
        ending = carry_out(spec, read_url, view, partial(_show, view, spec, report), start)
    return ending.outcome.exit_code


def _view() -> "View":
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from meshmigrate.cli.output_terminal import TerminalView

        return TerminalView()
    from meshmigrate.cli.output import PlainView

    return PlainView()


def _give_json(report: "Callable[[Result], None]", ending: "Ending") -> None:
    from meshmigrate.cli.output import until_closed
    from meshmigrate.domain.result import decode_result

    with until_closed():
        click.echo(ending.encoded)
    report(decode_result(ending.encoded))


def _show(
    view: "View", spec: RunSpec, report: "Callable[[Result], None]", ending: "Ending"
) -> None:
    from meshmigrate.cli.output import until_closed
    from meshmigrate.domain.result import decode_result

    result = decode_result(ending.encoded)
    with until_closed():
        view.close(result)
    if result.failure is not None:
        from meshmigrate.cli.excerpt import error_lines

        for line in error_lines(result.failure, spec.folders, result.differences):
            click.echo(line, err=True)
    else:
        for difference in result.differences:
            click.echo(f"  {difference}", err=True)
    report(result)


def _report(result: "Result", spec: RunSpec, command: str) -> None:
    if os.environ.get("GITHUB_ACTIONS"):
        from meshmigrate.cli import github

        github.report(result, spec.folders, command)
