"""``meshmigrate rollback``: back to an earlier version, on purpose."""

import sys
from uuid import uuid4

import click

from meshmigrate.cli.completion import complete_version
from meshmigrate.cli.declaration import version
from meshmigrate.cli.foreground import run_in_foreground
from meshmigrate.cli.notify import Teller, notify_options
from meshmigrate.cli.options import (
    ReadURL,
    database_options,
    examples,
    json_option,
    ledger_schema_option,
)
from meshmigrate.cli.run_options import (
    acquire_timeout_option,
    role_option,
    rollback_deadline_option,
    search_path_option,
    statement_timeout_option,
    write_back_option,
)
from meshmigrate.domain.runspec import (
    Access,
    Folders,
    Ledger,
    LockPolicy,
    Policy,
    RunIdentity,
    RunSpec,
)
from meshmigrate.domain.version import Version


@click.command(
    epilog=examples(
        "meshmigrate rollback --to 20260105090000",
        "meshmigrate rollback --to 0 --json",
        then="correct the files, then `meshmigrate plan` and `meshmigrate apply`.",
    )
)
@database_options
@click.option(
    "--to",
    "target",
    type=version,
    required=True,
    metavar="VERSION",
    shell_complete=complete_version,
    help="The version to be at afterwards; 0 is the state before the first one.",
)
@role_option
@search_path_option
@ledger_schema_option
@acquire_timeout_option
@statement_timeout_option
@rollback_deadline_option
@write_back_option
@notify_options
@json_option
def rollback(
    *,
    read_url: ReadURL,
    target: Version,
    role: str,
    search_path: tuple[str, ...],
    ledger_schema: str,
    acquire_timeout: float,
    statement_timeout: float,
    rollback_deadline: float,
    write_back: bool | None,
    teller: Teller | None,
    as_json: bool,
) -> None:
    """Take back every version above VERSION, the one applied last first.

    The rollback scripts are those that the ledger kept when each version was applied, so no files
    are needed. Afterwards the schema is compared with what it was when VERSION was last current;
    where nobody looked then, as in the middle of a run, the answer says Unproven.

    Exit codes: 0 at VERSION, 10 refused and untouched, 21 failed with nothing taken back,
    23 the rollback failed half-way or the schema differs, 30 interrupted (run it again to go
    on), 31 lock timeout, 32 unreachable.
    """
    from meshmigrate.engine.rollback import roll_back

    spec = RunSpec(
        api_version=1,
        run=RunIdentity(id=uuid4()),
        folders=Folders(migrations=()),
        target=str(target),
        database=Access(role=role, search_path=search_path),
        ledger=Ledger(schema=ledger_schema, write_back=write_back),
        policy=Policy(
            lock=LockPolicy(acquire_timeout_seconds=acquire_timeout),
            statement_timeout_seconds=statement_timeout,
            rollback_deadline_seconds=rollback_deadline,
        ),
    )
    code = run_in_foreground(spec, read_url, as_json=as_json, start=roll_back, teller=teller)
    sys.exit(code)
