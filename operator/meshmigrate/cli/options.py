"""The options that every command on a database has: which one, which ledger, which form."""

import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meshmigrate.domain.runspec import TLS, Ledger, TLSMode

if TYPE_CHECKING:
    from meshmigrate.domain.database_url import ConnectionParameters

Command = Callable[..., None]
ReadURL = Callable[[], "ConnectionParameters"]
"""Reads the database URL anew, with the TLS options in force."""

FOLDER: Final = click.Path(path_type=Path)


ledger_schema_option: Final = click.option(
    "--ledger-schema",
    default=Ledger().schema,
    show_default=True,
    help="Schema of the history: one schema is one history.",
)
json_option: Final = click.option(
    "--json", "as_json", is_flag=True, help="Print the answer as one line of JSON, nothing else."
)


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


def _reader(url: str | None, url_file: Path | None, tls: TLS) -> ReadURL:
    if url_file is None and url is None:
        raise click.UsageError(
            "which database? Set MESHMIGRATE_DATABASE_URL or give --database-url-file FILE"
        )
    from meshmigrate.cli.start import read_credentials, read_url_file

    def text() -> str:
        return read_url_file(url_file) if url_file is not None else url or ""

    return lambda: read_credentials(text, tls)
