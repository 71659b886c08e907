"""A run in front of a person, or of a program that asked for JSON."""

import os
import sys
from typing import TYPE_CHECKING

import click

from meshmigrate.cli.options import ReadURL
from meshmigrate.domain.runspec import RunSpec

if TYPE_CHECKING:
    from meshmigrate.cli.start import Start


def run_in_foreground(
    spec: RunSpec, read_url: ReadURL, *, as_json: bool, start: "Start | None" = None
) -> int:
    """Do what a spec asks for, show how it ended, and give the exit code that stands for it.

    Parameters
    ----------
    start
        What to do, if not to apply.
    """
    from meshmigrate.cli import github
    from meshmigrate.cli.excerpt import error_lines
    from meshmigrate.cli.output import PlainView, View
    from meshmigrate.cli.start import carry_out
    from meshmigrate.domain.result import decode_result
    from meshmigrate.engine.run import run

    start = start or run
    command = click.get_current_context().command_path
    if as_json:
        ending = carry_out(spec, read_url, lambda _: None, start, watched=False)
        click.echo(ending.encoded)
        github.report(decode_result(ending.encoded), spec.folders, command)
        return ending.outcome.exit_code
    view: View = PlainView()
    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from meshmigrate.cli.output_terminal import TerminalView

        view = TerminalView()
    ending = carry_out(spec, read_url, view, start)
    result = decode_result(ending.encoded)
    view.close(result)
    if result.failure is not None:
        for line in error_lines(result.failure, spec.folders, result.differences):
            click.echo(line, err=True)
    github.report(result, spec.folders, command)
    return ending.outcome.exit_code
