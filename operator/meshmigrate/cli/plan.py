"""``meshmigrate plan``: what apply would do."""

import sys
from collections.abc import Iterator

import click

from meshmigrate.cli.folder_options import folder_options
from meshmigrate.cli.options import (
    ReadURL,
    database_options,
    examples,
    json_option,
    ledger_schema_option,
)
from meshmigrate.cli.run_options import (
    allow_hazards_option,
    hazard_policy,
    on_failure_option,
    out_of_order_option,
    role_option,
    search_path_option,
    target_option,
    transaction_mode_option,
)
from meshmigrate.domain.outcome import EXIT_FINDINGS
from meshmigrate.domain.plan_answer import HazardAnswer, PendingFile, PlanAnswer
from meshmigrate.domain.runspec import (
    Access,
    Folders,
    OnFailure,
    OutOfOrder,
    Policy,
    TransactionMode,
)


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
@on_failure_option
@transaction_mode_option
@out_of_order_option
@allow_hazards_option
@role_option
@search_path_option
@ledger_schema_option
@click.option(
    "--allow-rollback",
    is_flag=True,
    help="Show the way back to a target below the current version; otherwise it is refused.",
)
@click.option("--check", is_flag=True, help="Exit with code 11 if there is anything to do.")
@json_option
def plan(
    *,
    read_url: ReadURL,
    folders: Folders,
    target: str,
    on_failure: OnFailure,
    transaction_mode: TransactionMode,
    out_of_order: OutOfOrder,
    allowed_hazards: tuple[str, ...],
    role: str,
    search_path: tuple[str, ...],
    ledger_schema: str,
    allow_rollback: bool,
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

    policy = Policy(
        on_failure=on_failure,
        transaction_mode=transaction_mode,
        out_of_order=out_of_order,
        hazards=hazard_policy(allowed_hazards),
    )
    with problems_told(as_json=as_json, folders=folders), interruptible(as_json=as_json) as looking:
        wanted = read_wanted(folders, target)
        access = Access(role=role, search_path=search_path)
        with look(read_url(), ledger_schema, "plan", looking.attach, access=access) as sight:
            found = read_plan(sight, wanted, policy, allow_rollback=allow_rollback)
    if as_json:
        give_json(found)
    else:
        _show(found)
    if check and not found.empty:
        sys.exit(EXIT_FINDINGS)


def _show(found: PlanAnswer) -> None:
    from meshmigrate.cli.answer import give_facts, give_rows, place_facts

    give_facts([*place_facts(found), *_course(found)])
    if found.pending:
        columns = ("Version", "Name", "Statements", "Kinds", "Runs in", "Locks", "Rollback")
        give_rows("pending", columns, map(_row, found.pending))
        if hazards := [_hazard(file, one) for file in found.pending for one in file.hazards]:
            give_rows("hazard", ("Place", "Hazard", "What", "Allowed"), hazards)
    elif found.taken_back:
        rows = ((each.version, each.name, each.strongest_lock) for each in found.taken_back)
        give_rows("taken back", ("Version", "Name", "Strongest lock"), rows)
    elif found.empty:
        click.echo("nothing to do")


def _course(found: PlanAnswer) -> Iterator[tuple[str, str]]:
    if found.pending or found.taken_back:
        yield "digest", found.digest
    if found.data_not_restored:
        yield "not restored", "; ".join(found.data_not_restored)
    if not found.pending:
        return
    ready = found.rollback_ready
    yield "mode", f"{found.transaction_mode}: {found.transaction_mode_reason}"
    if found.held_until_end:
        yield "held until the end", _locks(found.held_until_end)
    yield "rollback", f"{ready.reason}: {ready.message}"


def _row(file: PendingFile) -> tuple[str, ...]:
    kinds = ", ".join(
        kind if count == 1 else f"{kind} x {count}" for kind, count in file.kinds.items()
    )
    runs_in = "a transaction" if file.transactional else f"{file.steps} steps"
    back = file.rollback
    rollback = back.reason if back.ready else f"{back.reason}: {back.message}"
    return (
        file.version,
        file.name,
        str(file.statements),
        kinds,
        runs_in,
        "; ".join(_known(file)),
        rollback,
    )


def _hazard(file: PendingFile, found: HazardAnswer) -> tuple[str, ...]:
    allowed = {
        "AllowedByFile": f"by the file: {found.reason}",
        "AllowedByPolicy": "for the run",
    }
    return (
        f"{file.file}:{found.line}:{found.column}",
        found.hazard,
        f"{found.statement}: {found.what}",
        allowed.get(found.answer, "not enforced"),
    )


def _known(file: PendingFile) -> Iterator[str]:
    yield _locks(file.tables) if file.tables else "no existing table"
    if file.locks_unknown:
        yield f"unknown for {', '.join(file.locks_unknown)}: lock_timeout alone"


def _locks(tables: dict[str, str]) -> str:
    """Group tables by their lock, the strongest first."""
    by_lock: dict[str, list[str]] = {}
    for table, lock in tables.items():
        by_lock.setdefault(lock, []).append(table)
    return "; ".join(f"{lock} on {', '.join(names)}" for lock, names in by_lock.items())
