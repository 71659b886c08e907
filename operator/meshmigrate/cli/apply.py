"""``meshmigrate apply``: the engine on the command line."""

import sys
from uuid import UUID, uuid4

import click

from meshmigrate.cli.folder_options import folder_options
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
    allow_hazards_option,
    deadline_option,
    drift_option,
    fingerprint_options,
    hazard_policy,
    on_failure_option,
    out_of_order_option,
    role_option,
    rollback_deadline_option,
    search_path_option,
    statement_timeout_option,
    table_lock_deadline_option,
    target_option,
    transaction_mode_option,
    write_back_option,
)
from meshmigrate.domain.runspec import (
    Access,
    Drift,
    FingerprintScope,
    Folders,
    Ledger,
    LockPolicy,
    OnFailure,
    OutOfOrder,
    Policy,
    RunIdentity,
    RunSpec,
    TransactionMode,
)


@click.command(
    epilog=examples(
        "meshmigrate apply",
        "meshmigrate apply --target 20260105090000 --on-failure Halt",
        "meshmigrate apply --database-url-file /run/secrets/url --json",
        "meshmigrate apply --notify-config channels.yaml --notify team",
        then="`meshmigrate status` shows where the database stands, `meshmigrate log` why.",
    )
)
@database_options
@folder_options(required=True)
@target_option
@on_failure_option
@transaction_mode_option
@out_of_order_option
@allow_hazards_option
@drift_option
@fingerprint_options
@role_option
@search_path_option
@ledger_schema_option
@click.option(
    "--run-id",
    type=click.UUID,
    help="Id of the run; give that of an interrupted run to continue it. Default: a new one.",
)
@click.option(
    "--take-over",
    type=click.UUID,
    metavar="RUN_ID",
    help="End the session of this run if it holds the lock and has been idle for a minute.",
)
@click.option(
    "--approved-plan",
    default="",
    metavar="DIGEST",
    help="Apply only while `meshmigrate plan` gives this digest: nothing but what was looked at.",
)
@acquire_timeout_option
@table_lock_deadline_option
@statement_timeout_option
@deadline_option
@rollback_deadline_option
@write_back_option
@notify_options
@json_option
def apply(
    *,
    read_url: ReadURL,
    folders: Folders,
    target: str,
    on_failure: OnFailure,
    transaction_mode: TransactionMode,
    out_of_order: OutOfOrder,
    allowed_hazards: tuple[str, ...],
    drift: Drift,
    fingerprint_scope: FingerprintScope,
    role: str,
    search_path: tuple[str, ...],
    ledger_schema: str,
    run_id: UUID | None,
    take_over: UUID | None,
    approved_plan: str,
    acquire_timeout: float,
    table_lock_deadline: float,
    statement_timeout: float,
    deadline: float,
    rollback_deadline: float,
    write_back: bool | None,
    teller: Teller | None,
    as_json: bool,
) -> None:
    """Apply pending migrations; when one fails, take the database back to where it was.

    Exit codes: 0 at the target, 10 refused and untouched, 12 not the approved plan and untouched,
    20 rolled back, 21 failed with nothing applied, 22 halted, 23 rollback failed, 30 interrupted,
    31 lock timeout, 32 unreachable.
    """
    spec = RunSpec(
        api_version=1,
        run=RunIdentity(id=run_id or uuid4()),
        folders=folders,
        target=target,
        database=Access(role=role, search_path=search_path),
        ledger=Ledger(schema=ledger_schema, write_back=write_back),
        policy=Policy(
            on_failure=on_failure,
            transaction_mode=transaction_mode,
            out_of_order=out_of_order,
            hazards=hazard_policy(allowed_hazards),
            drift=drift,
            fingerprint=fingerprint_scope,
            lock=LockPolicy(
                acquire_timeout_seconds=acquire_timeout,
                table_lock_deadline_seconds=table_lock_deadline,
            ),
            statement_timeout_seconds=statement_timeout,
            deadline_seconds=deadline,
            rollback_deadline_seconds=rollback_deadline,
            approval="Required" if approved_plan else "None",
        ),
        supersedes=take_over,
        approved_plan=approved_plan,
    )
    sys.exit(run_in_foreground(spec, read_url, as_json=as_json, teller=teller))
