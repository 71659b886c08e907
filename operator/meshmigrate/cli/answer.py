"""How a command that only looks answers: a table, plain lines or JSON; or why it cannot."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import click
from msgspec import json

from meshmigrate.cli.output import error_lines
from meshmigrate.domain.answers import Problem
from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.runspec import Contract, Folders


@contextmanager
def problems_told(*, as_json: bool, folders: Folders | None = None) -> Iterator[None]:
    """Tell an error of the block as ``apply`` does, and exit with its code."""
    try:
        yield
    except MigrationError as error:
        from meshmigrate.engine.ending import failure_detail

        detail = failure_detail(error)
        if as_json:
            problem = Problem(
                api_version=1,
                outcome=error.outcome,
                reason=error.reason,
                message=error.message,
                failure=detail,
            )
            give_json(problem)
        else:
            for line in error_lines(detail, folders):
                click.echo(line, err=True)
        sys.exit(error.outcome.exit_code)


def give_json(answer: Contract) -> None:
    """Print an answer as one line of JSON."""
    click.echo(json.encode(answer))


def give_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print what is known, a line each: in columns on a terminal."""
    if sys.stdout.isatty():
        from meshmigrate.cli.table import print_facts

        print_facts(facts)
        return
    for name, value in facts:
        click.echo(f"{name}: {_one_line(value)}")


def give_rows(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, elsewhere a line per row, its values between tabs."""
    if sys.stdout.isatty():
        from meshmigrate.cli.table import print_table

        print_table(title, columns, rows)
        return
    for row in rows:
        click.echo("\t".join((title, *map(_one_line, row))))


def counted(count: int, noun: str) -> str:
    """Give a count with its noun, such as ``1 file`` or ``2 files``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _one_line(text: str) -> str:
    return "; ".join(text.replace("\t", " ").splitlines())
