"""``meshmigrate status``: where a database stands."""

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
from meshmigrate.domain.answers import LockHolder, OpenStep, Status
from meshmigrate.domain.runspec import Folders


@click.command(
    epilog=examples(
        "meshmigrate status",
        "meshmigrate status --database-url-file url --json | jq .pendingCount",
        then="`meshmigrate plan` shows what is pending, `meshmigrate apply` applies it.",
    )
)
@database_options
@folder_options(required=False)
@ledger_schema_option
@json_option
def status(
    *, read_url: ReadURL, folders: Folders | None, ledger_schema: str, as_json: bool
) -> None:
    """Show where a database stands: version, pending files, the lock, the last runs.

    Reads only, takes no lock, and needs no ledger. Where no folder of migrations is found,
    everything but the count of pending files is shown.

    Exit codes: 0 shown, 10 refused, 30 interrupted, 32 unreachable.
    """
    from meshmigrate.cli.answer import give_facts, give_json, give_rows, problems_told
    from meshmigrate.cli.interrupt import interruptible
    from meshmigrate.engine.looking import look
    from meshmigrate.engine.status import read_status
    from meshmigrate.engine.wanted import read_wanted

    with problems_told(as_json=as_json, folders=folders), interruptible(as_json=as_json) as looking:
        wanted = read_wanted(folders, "latest") if folders else None
        with look(read_url(), ledger_schema, "status", looking.attach) as sight:
            found = read_status(sight, wanted)
    if as_json:
        give_json(found)
        return
    give_facts(_facts(found))
    if found.runs:
        columns = ("Run", "Outcome", "Finished", "Message")
        rows = [(run.id, run.outcome, run.finished_at, run.message) for run in found.runs]
        give_rows("run", columns, rows)
    if found.next:
        give_facts([("next", found.next)])


def _facts(found: Status) -> Iterator[tuple[str, str]]:
    from meshmigrate.cli.answer import place_facts

    yield from place_facts(found)
    yield "applied", str(found.applied_count)
    pending = found.pending_count
    yield "pending", "unknown, no folder of migrations here" if pending is None else str(pending)
    yield "lock", _lock(found.lock)
    for step in found.open_steps:
        yield "open step", f"{_place(step)}, begun {step.started_at}"
    for step in found.half_back:
        yield "half taken back", f"{_place(step)} is done, and its run ended"


def _place(step: OpenStep) -> str:
    script = "rollback script" if step.direction == "down" else "file"
    about = f" ({step.object})" if step.object else ""
    return f"statement {step.ordinal}{about} of the {script} of version {step.version}"


def _lock(holder: LockHolder | None) -> str:
    if holder is None:
        return "free"
    from meshmigrate.engine.lock import Holder

    session = Holder(holder.pid, holder.application_name, holder.role, holder.connected_since)
    run = f", run {holder.run_id}" if holder.run_id else ""
    return f"held by {session}{run}"
