"""How a command that only looks answers: a table, plain lines or JSON; or why it cannot."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import click
from msgspec import json

from meshmigrate.cli import github
from meshmigrate.cli.excerpt import error_lines
from meshmigrate.cli.output import until_closed
from meshmigrate.domain.answers import Problem, Status
from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.plan_answer import PlanAnswer
from meshmigrate.domain.runspec import Contract, Folders


@contextmanager
def problems_told(*, as_json: bool, folders: Folders | None = None) -> Iterator[None]:
    """Tell an error of the block as ``apply`` does, and exit with its code."""
    try:
        yield
    except MigrationError as error:
        tell_problem(error, as_json=as_json, folders=folders)
        sys.exit(error.outcome.exit_code)


def tell_problem(error: MigrationError, *, as_json: bool, folders: Folders | None = None) -> None:
    """Tell why there is no answer."""
    from meshmigrate.engine.ending import failure_detail

    detail = failure_detail(error)
    problem = Problem(
        api_version=1,
        outcome=error.outcome,
        reason=error.reason,
        message=error.message,
        failure=detail,
    )
    if as_json:
        give_json(problem)
    else:
        for line in error_lines(detail, folders):
            click.echo(line, err=True)
    context = click.get_current_context(silent=True)
    github.report(problem, folders, context.command_path if context else "meshmigrate")


@until_closed()
def give_json(answer: Contract) -> None:
    """Print an answer as one line of JSON."""
    click.echo(json.encode(answer))


@until_closed()
def give_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print what is known, a line each: in columns on a terminal."""
    if sys.stdout.isatty():
        from meshmigrate.cli.table import print_facts

        print_facts(facts)
        return
    for name, value in facts:
        click.echo(f"{name}: {_one_line(value)}")


@until_closed()
def give_rows(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: drawn on a terminal, elsewhere a line per row, its values between tabs."""
    if sys.stdout.isatty():
        from meshmigrate.cli.table import print_table

        print_table(title, columns, rows)
        return
    for row in rows:
        click.echo("\t".join((title, *map(_one_line, row))))


@until_closed()
def give_lines(lines: Iterable[str]) -> None:
    """Print lines as they are."""
    for line in lines:
        click.echo(line)


def place_facts(found: Status | PlanAnswer) -> Iterator[tuple[str, str]]:
    """Say which database it is, and where its history stands."""
    database, schema = found.database, found.ledger_schema
    yield "database", f"{database.name}, system identifier {database.system_identifier}"
    if found.ledger_version:
        yield "ledger", f"schema {schema}, version {found.ledger_version}"
    else:
        yield "ledger", no_ledger(schema)
    yield "version", found.current_version or "none"
    for run in found.unfinished:
        way = "on its way back" if run.intent == "undo" else "on its way forward"
        place = f"run {run.id}, attempt {run.attempt}, {way}, started {run.started_at}"
        yield "unfinished", place


def no_ledger(schema: str) -> str:
    """Say that there is no ledger yet."""
    return f"none in schema {schema}; the first apply creates it"


def _one_line(text: str) -> str:
    return "; ".join(text.replace("\t", " ").splitlines())
