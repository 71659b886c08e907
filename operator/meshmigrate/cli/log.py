"""``meshmigrate log``: what happened, and whether the log still says what was written."""

import sys
from uuid import UUID

import click

from meshmigrate.cli.options import (
    ReadURL,
    database_options,
    examples,
    json_option,
    ledger_schema_option,
)
from meshmigrate.domain.answers import Chain, LogAnswer, LogRow
from meshmigrate.domain.outcome import EXIT_FINDINGS


@click.command(
    epilog=examples(
        "meshmigrate log --limit 100",
        "meshmigrate log --run 7f0c2f4e-5a0e-4d53-9d0f-6d1f0c2b7a11",
        "meshmigrate log --verify --json",
        then="`meshmigrate status` shows where the database stands.",
    )
)
@database_options
@ledger_schema_option
@click.option("--run", "run_id", type=click.UUID, help="Only the rows of this run.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1_000_000),
    default=20,
    show_default=True,
    help="How many rows, counted from the end.",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Walk the hash chain of the whole log: no row changed, removed or put in.",
)
@json_option
def log(
    *,
    read_url: ReadURL,
    ledger_schema: str,
    run_id: UUID | None,
    limit: int,
    verify: bool,
    as_json: bool,
) -> None:
    """Show the migration log, the latest row at the end; --verify checks its hash chain.

    Reads only and takes no lock.

    Exit codes: 0 shown and intact, 10 refused, 11 the chain is broken, 30 interrupted,
    32 unreachable.
    """
    from meshmigrate.cli.answer import give_json, problems_told
    from meshmigrate.cli.interrupt import interruptible
    from meshmigrate.engine.looking import look
    from meshmigrate.engine.read_log import read_log

    with (
        problems_told(as_json=as_json),
        interruptible(as_json=as_json) as looking,
        look(read_url(), ledger_schema, "log", looking.attach) as sight,
    ):
        found = read_log(sight, run_id=run_id, limit=limit, verify=verify)
    if as_json:
        give_json(found)
    else:
        _show(found)
    if found.chain is not None and not found.chain.intact:
        sys.exit(EXIT_FINDINGS)


def _show(found: LogAnswer) -> None:
    from meshmigrate.cli.answer import give_lines, give_rows, no_ledger

    if found.rows:
        columns = ("Id", "At", "Run", "What", "Version", "Time", "Message")
        give_rows("log", columns, map(_row, found.rows))
    elif not found.ledger_version:
        give_lines([f"ledger: {no_ledger(found.ledger_schema)}"])
    else:
        give_lines(["no row of that run"])
    if found.chain is not None:
        _show_chain(found.chain)


def _row(row: LogRow) -> tuple[str, ...]:
    seconds = "" if row.duration_seconds is None else f"{row.duration_seconds:.3f} s"
    what = row.event if row.outcome in {"", row.event} else f"{row.event}: {row.outcome}"
    at = f"{row.at.partition('.')[0]}Z"
    run = row.run_id[:8]  # as in application_name; --json has the whole of it
    return (str(row.id), at, run, what, row.version, seconds, row.message)


def _show_chain(chain: Chain) -> None:
    if chain.intact:
        from meshmigrate.cli.answer import give_lines

        give_lines([f"chain: intact, rows: {chain.rows}"])
        return
    click.echo(
        f"the log was changed after it was written: row {chain.first_broken} is the first that "
        "does not fit the chain\n"
        "next: Compare the log with a backup from before that row; everything from it on is "
        "not to be trusted.",
        err=True,
    )
