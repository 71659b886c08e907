"""The options that commands share: which database, which ledger, which files, which form."""

import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from meshmigrate.cli.completion import MIGRATION_FOLDERS, complete_version
from meshmigrate.domain.runspec import Folders, Ledger, Policy

Command = Callable[..., None]
ReadURL = Callable[[], str]

_LONGEST_SECONDS: Final = 366 * 24 * 3600
FOLDER: Final = click.Path(path_type=Path)

ledger_schema_option: Final = click.option(
    "--ledger-schema",
    default=Ledger().schema,
    show_default=True,
    help="Schema of the history: one schema is one history.",
)
target_option: Final = click.option(
    "--target",
    default="latest",
    show_default=True,
    shell_complete=complete_version,
    help="The version to reach.",
)
out_of_order_option: Final = click.option(
    "--out-of-order",
    type=click.Choice(["Refuse", "Apply"]),
    default=Policy().out_of_order,
    show_default=True,
    help="What to do with a version below the current one that is not applied.",
)
write_back_option: Final = click.option(
    "--write-back",
    is_flag=True,
    envvar="MESHMIGRATE_WRITE_BACK",
    show_envvar=True,
    help="Write each version into supabase_migrations.schema_migrations too, in the same "
    "transaction.",
)
json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print the answer as one line of JSON, nothing else."
)


class Seconds(click.types.FloatParamType):
    """A duration above zero, of a year at most."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a number of seconds."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds <= _LONGEST_SECONDS:
            self.fail(f"{value!r} is not a number of seconds: above 0, a year at most", param, ctx)
        return seconds


def examples(*lines: str, then: str) -> str:
    """Give the end of a command's help: command lines to learn from, and what to run next."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines), "", f"Next: {then}"))


def database_options(command: Command) -> Command:
    """Give a command ``read_url``, which reads the database URL when it is called."""

    @click.option(
        "--database-url",
        envvar="MESHMIGRATE_DATABASE_URL",
        show_envvar=True,
        metavar="URL",
        help="postgres://user:password@host:port/dbname. Others on this machine can see it in "
        "the list of processes: prefer the variable or the file.",
    )
    @click.option("--database-url-file", type=FOLDER, help="File that holds the URL.")
    @wraps(command)
    def with_database(
        *, database_url: str | None, database_url_file: Path | None, **others: Any
    ) -> None:
        read_url = _reader(database_url, database_url_file)
        # From here on to be stopped in order: what a command imports takes its time too.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        command(read_url=read_url, **others)

    return with_database


def folder_options(*, required: bool) -> Callable[[Command], Command]:
    """Give a command ``folders``; None where there are none and they are not required."""

    def decorate(command: Command) -> Command:
        @click.option(
            "--migrations",
            multiple=True,
            type=FOLDER,
            help="Folder of <digits>_<name>.sql files; may be repeated. Default: migrations/ or "
            "supabase/migrations/.",
        )
        @click.option(
            "--rollbacks",
            multiple=True,
            type=FOLDER,
            help="Folder of rollback scripts, named as the migrations. Default: rollbacks/ "
            "beside them.",
        )
        @click.option(
            "--checks",
            multiple=True,
            type=FOLDER,
            help="Folder of <version>_*.sql and always_*.sql checks. Default: checks/ beside them.",
        )
        @wraps(command)
        def with_folders(
            *,
            migrations: tuple[Path, ...],
            rollbacks: tuple[Path, ...],
            checks: tuple[Path, ...],
            **others: Any,
        ) -> None:
            folders = _folders(migrations, rollbacks, checks)
            if required and folders is None:
                raise click.UsageError(
                    "there is neither migrations/ nor supabase/migrations/ here; "
                    "say where the files are with --migrations DIR"
                )
            command(folders=folders, **others)

        return with_folders

    return decorate


def beside(migrations: Path, name: str) -> Path:
    """Give the folder that belongs to a folder of migrations."""
    named = migrations if migrations.name not in {"", ".."} else migrations.resolve()
    return named.with_name(name)


def _reader(url: str | None, url_file: Path | None) -> ReadURL:
    if url_file is not None:
        from meshmigrate.cli.start import read_url_file

        return lambda: read_url_file(url_file)
    if url is None:
        raise click.UsageError(
            "which database? Set MESHMIGRATE_DATABASE_URL or give --database-url-file FILE"
        )
    return lambda: url


def _folders(
    migrations: tuple[Path, ...], rollbacks: tuple[Path, ...], checks: tuple[Path, ...]
) -> Folders | None:
    migrations = migrations or tuple(path for path in MIGRATION_FOLDERS if path.is_dir())[:1]
    if not migrations:
        return None

    def siblings(name: str) -> tuple[Path, ...]:
        found = dict.fromkeys(beside(path, name) for path in migrations)
        return tuple(sibling for sibling in found if sibling.is_dir())

    return Folders(
        migrations=tuple(map(str, migrations)),
        rollbacks=tuple(map(str, rollbacks or siblings("rollbacks"))),
        checks=tuple(map(str, checks or siblings("checks"))),
    )
