"""The options that commands share: which database, which ledger, which files, which form."""

import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meshmigrate.cli.completion import MIGRATION_FOLDERS, complete_version
from meshmigrate.domain.runspec import (
    TLS,
    Access,
    FingerprintScope,
    Folders,
    Ledger,
    Policy,
    TLSMode,
)

if TYPE_CHECKING:
    from meshmigrate.domain.database_url import ConnectionParameters

Command = Callable[..., None]
ReadURL = Callable[[], "ConnectionParameters"]
"""Reads the database URL anew, with the TLS options in force."""

_LONGEST_SECONDS: Final = 366 * 24 * 3600
FOLDER: Final = click.Path(path_type=Path)


def names(text: str) -> tuple[str, ...]:
    """Read names between commas; none at all is allowed."""
    found = tuple(name.strip() for name in text.split(",")) if text else ()
    if not all(found):
        raise click.BadParameter(f"{text!r} has an empty name")
    return found


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
on_failure_option: Final = click.option(
    "--on-failure",
    type=click.Choice(["Rollback", "Halt"]),
    default=Policy().on_failure,
    show_default=True,
    help="Roll back what this run applied, or stop where it is.",
)
transaction_mode_option: Final = click.option(
    "--transaction-mode",
    type=click.Choice(["Auto", "PerFile", "Batch"]),
    default=Policy().transaction_mode,
    show_default=True,
    help="A transaction per file, one for all files, or what can be rolled back best.",
)
role_option: Final = click.option(
    "--role",
    default=Access().role,
    metavar="ROLE",
    help="SET ROLE for the scripts, so that it owns what they make. Default: the one that logs in.",
)
search_path_option: Final = click.option(
    "--search-path",
    type=names,
    default="",
    metavar="SCHEMA,...",
    help="Schemas in which scripts find names. Default: the role's own.",
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
    """Give a command ``read_url``, which reads the database URL each time it is called."""

    @click.option(
        "--database-url",
        envvar="MESHMIGRATE_DATABASE_URL",
        show_envvar=True,
        metavar="URL",
        help="postgres://user:password@host:port/dbname. Others on this machine can see it in "
        "the list of processes: prefer the variable or the file.",
    )
    @click.option("--database-url-file", type=FOLDER, help="File that holds the URL.")
    @click.option(
        "--tls-mode",
        type=click.Choice(["disable", "require", "verify-ca", "verify-full"]),
        default=None,
        help="How the server is verified. Default: sslmode of the URL, else verify-full.",
    )
    @click.option(
        "--tls-root-certificate",
        type=click.Path(),
        default="",
        help="File with the server's authority. Default: sslrootcert of the URL, else the "
        "system's.",
    )
    @click.option(
        "--tls-client-certificate", type=click.Path(), default="", help="File of our own."
    )
    @click.option("--tls-client-key", type=click.Path(), default="", help="File of its key.")
    @wraps(command)
    def with_database(
        *,
        database_url: str | None,
        database_url_file: Path | None,
        tls_mode: TLSMode | None,
        tls_root_certificate: str,
        tls_client_certificate: str,
        tls_client_key: str,
        **others: Any,
    ) -> None:
        tls = TLS(
            mode=tls_mode or "",
            root_certificate=tls_root_certificate,
            client_certificate=tls_client_certificate,
            client_key=tls_client_key,
        )
        read_url = _reader(database_url, database_url_file, tls)
        # From here on to be stopped in order: what a command imports takes its time too.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        command(read_url=read_url, **others)

    return with_database


def fingerprint_options(command: Command) -> Command:
    """Give a command ``fingerprint_scope``, what of the database a fingerprint covers."""

    @click.option(
        "--ignore",
        multiple=True,
        metavar="PATTERN",
        help="What the fingerprint leaves out, such as 'public.events_y*' or 'audit'; may be "
        "repeated.",
    )
    @click.option(
        "--schema",
        "schemas",
        multiple=True,
        metavar="NAME",
        help="Schema that the fingerprint covers; may be repeated. Default: all but the system's.",
    )
    @wraps(command)
    def with_scope(*, ignore: tuple[str, ...], schemas: tuple[str, ...], **others: Any) -> None:
        command(fingerprint_scope=FingerprintScope(ignore=ignore, schemas=schemas), **others)

    return with_scope


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


def _reader(url: str | None, url_file: Path | None, tls: TLS) -> ReadURL:
    if url_file is None and url is None:
        raise click.UsageError(
            "which database? Set MESHMIGRATE_DATABASE_URL or give --database-url-file FILE"
        )
    from meshmigrate.cli.start import read_credentials, read_url_file

    def text() -> str:
        return read_url_file(url_file) if url_file is not None else url or ""

    return lambda: read_credentials(text, tls)


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
