"""``meshmigrate apply``: the engine on the command line."""

import sys
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import click

from meshmigrate.domain.runspec import (
    Folders,
    Ledger,
    LockPolicy,
    OnFailure,
    Policy,
    RunIdentity,
    RunSpec,
)

_MIGRATION_FOLDERS: Final = (Path("migrations"), Path("supabase/migrations"))
_FOLDER: Final = click.Path(path_type=Path)
_POLICY: Final = Policy()


_YEAR: Final = 366 * 24 * 3600


class _Seconds(click.FloatRange):
    """A duration above zero."""

    name = "seconds"

    def __init__(self) -> None:
        super().__init__(min=0, min_open=True, max=_YEAR)


@click.command()
@click.option(
    "--database-url",
    envvar="MESHMIGRATE_DATABASE_URL",
    show_envvar=True,
    metavar="URL",
    help="postgres://user:password@host:port/dbname. Others on this machine can see it in the "
    "list of processes: prefer the variable or the file.",
)
@click.option("--database-url-file", type=_FOLDER, help="File that holds the URL.")
@click.option(
    "--migrations",
    multiple=True,
    type=_FOLDER,
    help="Folder of <digits>_<name>.sql files; may be repeated. Default: migrations/ or "
    "supabase/migrations/.",
)
@click.option(
    "--rollbacks",
    multiple=True,
    type=_FOLDER,
    help="Folder of rollback scripts, named as the migrations. Default: rollbacks/ beside them.",
)
@click.option(
    "--checks",
    multiple=True,
    type=_FOLDER,
    help="Folder of <version>_*.sql and always_*.sql checks. Default: checks/ beside them.",
)
@click.option("--target", default="latest", show_default=True, help="The version to reach.")
@click.option(
    "--on-failure",
    type=click.Choice(["Rollback", "Halt"]),
    default=_POLICY.on_failure,
    show_default=True,
    help="Roll back what this run applied, or stop where it is.",
)
@click.option(
    "--ledger-schema",
    default=Ledger().schema,
    show_default=True,
    help="Schema of the history: one schema is one history.",
)
@click.option(
    "--run-id",
    type=click.UUID,
    help="Id of the run; give that of an interrupted run to continue it. Default: a new one.",
)
@click.option(
    "--acquire-timeout",
    type=_Seconds(),
    default=_POLICY.lock.acquire_timeout_seconds,
    show_default=True,
    help="How long to wait for another run to end.",
)
@click.option(
    "--table-lock-deadline",
    type=_Seconds(),
    default=_POLICY.lock.table_lock_deadline_seconds,
    show_default=True,
    help="How long a file may try for table locks.",
)
@click.option(
    "--statement-timeout",
    type=_Seconds(),
    default=_POLICY.statement_timeout_seconds,
    show_default=True,
    help="How long one statement may take.",
)
@click.option(
    "--deadline",
    type=_Seconds(),
    default=_POLICY.deadline_seconds,
    show_default=True,
    help="How long the way forward may take.",
)
@click.option(
    "--rollback-deadline",
    type=_Seconds(),
    default=_POLICY.rollback_deadline_seconds,
    show_default=True,
    help="How long the way back may take.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON, nothing else.")
def apply(
    *,
    database_url: str | None,
    database_url_file: Path | None,
    migrations: tuple[Path, ...],
    rollbacks: tuple[Path, ...],
    checks: tuple[Path, ...],
    target: str,
    on_failure: OnFailure,
    ledger_schema: str,
    run_id: UUID | None,
    acquire_timeout: float,
    table_lock_deadline: float,
    statement_timeout: float,
    deadline: float,
    rollback_deadline: float,
    as_json: bool,
) -> None:
    """Apply pending migrations; when one fails, take the database back to where it was.

    Exit codes: 0 at the target, 10 refused and untouched, 20 rolled back, 21 failed with nothing
    applied, 22 halted, 23 rollback failed, 30 interrupted, 31 lock timeout, 32 unreachable.
    """
    spec = RunSpec(
        api_version=1,
        run=RunIdentity(id=run_id or uuid4()),
        folders=_folders(migrations, rollbacks, checks),
        target=target,
        ledger=Ledger(schema=ledger_schema),
        policy=Policy(
            on_failure=on_failure,
            lock=LockPolicy(
                acquire_timeout_seconds=acquire_timeout,
                table_lock_deadline_seconds=table_lock_deadline,
            ),
            statement_timeout_seconds=statement_timeout,
            deadline_seconds=deadline,
            rollback_deadline_seconds=rollback_deadline,
        ),
    )
    sys.exit(_run(spec, database_url, database_url_file, as_json=as_json))


def _folders(
    migrations: tuple[Path, ...], rollbacks: tuple[Path, ...], checks: tuple[Path, ...]
) -> Folders:
    migrations = migrations or tuple(path for path in _MIGRATION_FOLDERS if path.is_dir())[:1]
    if not migrations:
        raise click.UsageError(
            "there is neither migrations/ nor supabase/migrations/ here; "
            "say where the files are with --migrations DIR"
        )

    def beside(name: str) -> tuple[Path, ...]:
        named = (path if path.name not in {"", ".."} else path.resolve() for path in migrations)
        siblings = dict.fromkeys(path.with_name(name) for path in named)
        return tuple(sibling for sibling in siblings if sibling.is_dir())

    return Folders(
        migrations=tuple(map(str, migrations)),
        rollbacks=tuple(map(str, rollbacks or beside("rollbacks"))),
        checks=tuple(map(str, checks or beside("checks"))),
    )


def _run(spec: RunSpec, url: str | None, url_file: Path | None, *, as_json: bool) -> int:
    if url is None and url_file is None:
        raise click.UsageError(
            "which database? Set MESHMIGRATE_DATABASE_URL or give --database-url-file FILE"
        )
    from meshmigrate.cli.output import PlainView, View, error_lines
    from meshmigrate.cli.start import carry_out, read_url_file
    from meshmigrate.domain.result import decode_result

    def read_url() -> str:
        return read_url_file(url_file) if url_file is not None else url or ""

    if as_json:
        ending = carry_out(spec, read_url, lambda _: None)
        click.echo(ending.encoded)
        return ending.outcome.exit_code
    view: View = PlainView()
    if sys.stdout.isatty():
        from meshmigrate.cli.output_terminal import TerminalView

        view = TerminalView()
    ending = carry_out(spec, read_url, view)
    result = decode_result(ending.encoded)
    view.close(result)
    for line in error_lines(result, spec.folders):
        click.echo(line, err=True)
    return ending.outcome.exit_code
