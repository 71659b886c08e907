"""``meshmigrate plan``: what apply would do."""

import sys

import click

from meshmigrate.cli.options import (
    ReadURL,
    database_options,
    examples,
    folder_options,
    json_option,
    ledger_schema_option,
    out_of_order_option,
    target_option,
)
from meshmigrate.domain.answers import PendingFile, PlanAnswer
from meshmigrate.domain.outcome import EXIT_FINDINGS
from meshmigrate.domain.runspec import Folders, OutOfOrder


@click.command(
    epilog=examples(
        "meshmigrate plan",
        "meshmigrate plan --target 20260105090000 --json",
        "meshmigrate plan --check || echo 'the database is behind'",
        then="`meshmigrate apply` does it.",
    )
)
@database_options
@folder_options(required=True)
@target_option
@out_of_order_option
@ledger_schema_option
@click.option("--check", is_flag=True, help="Exit with code 11 if there is anything to do.")
@json_option
def plan(
    *,
    read_url: ReadURL,
    folders: Folders,
    target: str,
    out_of_order: OutOfOrder,
    ledger_schema: str,
    check: bool,
    as_json: bool,
) -> None:
    """Show what apply would do, file by file, or why it would refuse.

    Reads only, takes no lock, and needs no ledger. Every pending file is parsed.

    Exit codes: 0 shown, 10 refused, 11 there is something to do (only with --check),
    30 interrupted, 32 unreachable.
    """
    from meshmigrate.cli.answer import give_json, problems_told
    from meshmigrate.cli.interrupt import interruptible
    from meshmigrate.engine.looking import look
    from meshmigrate.engine.read_plan import read_plan
    from meshmigrate.engine.wanted import read_wanted

    with problems_told(as_json=as_json, folders=folders), interruptible(as_json=as_json) as looking:
        wanted = read_wanted(folders, target)
        with look(read_url(), ledger_schema, "plan", looking.attach) as sight:
            found = read_plan(sight, wanted, out_of_order)
    if as_json:
        give_json(found)
    else:
        _show(found)
    if check and not found.empty:
        sys.exit(EXIT_FINDINGS)


def _show(found: PlanAnswer) -> None:
    from meshmigrate.cli.answer import give_facts, give_rows, place_facts

    give_facts(place_facts(found))
    if found.pending:
        columns = ("Version", "Name", "Statements", "Kinds", "Rollback script")
        give_rows("pending", columns, map(_row, found.pending))
    elif found.empty:
        click.echo("nothing to do")


def _row(file: PendingFile) -> tuple[str, ...]:
    kinds = ", ".join(
        kind if count == 1 else f"{kind} x {count}" for kind, count in file.kinds.items()
    )
    rollback = "yes" if file.has_rollback else "no"
    return (file.version, file.name, str(file.statements), kinds, rollback)
