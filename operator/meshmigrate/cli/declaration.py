"""What the commands that change the history by hand share: their options, and how they begin."""

import getpass
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click

from meshmigrate.cli.folder_options import folder_options
from meshmigrate.cli.foreground import run_in_foreground
from meshmigrate.cli.options import ReadURL, database_options, json_option, ledger_schema_option
from meshmigrate.cli.run_options import acquire_timeout_option
from meshmigrate.domain.runspec import (
    Folders,
    Ledger,
    LockPolicy,
    Policy,
    Provenance,
    RunIdentity,
    RunSpec,
)
from meshmigrate.domain.version import Version

if TYPE_CHECKING:
    from meshmigrate.cli.start import Start


def version(text: str) -> Version:
    """Read a version that an option names."""
    try:
        return Version(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaring:
    """Where something is declared, and by whom."""

    read_url: ReadURL
    folders: Folders
    ledger_schema: str
    acquire_timeout: float
    actor: str
    as_json: bool

    def carry_out_and_exit(self, start: "Start", *, target: str = "latest") -> None:
        """Do it, show how it ended, and exit with the code that stands for it."""
        spec = RunSpec(
            api_version=1,
            run=RunIdentity(id=uuid4()),
            folders=self.folders,
            target=target,
            ledger=Ledger(schema=self.ledger_schema),
            policy=Policy(lock=LockPolicy(acquire_timeout_seconds=self.acquire_timeout)),
            provenance=Provenance(actor=self.actor),
        )
        sys.exit(run_in_foreground(spec, self.read_url, as_json=self.as_json, start=start))


def declaring_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options, as its argument ``declaring``."""

    @database_options
    @folder_options(required=True)
    @ledger_schema_option
    @acquire_timeout_option
    @click.option(
        "--actor",
        envvar="MESHMIGRATE_ACTOR",
        show_envvar=True,
        default=_user,
        help="Who does this, for the log. Default: the user of this process.",
    )
    @json_option
    @wraps(command)
    def with_declaring(
        *,
        read_url: ReadURL,
        folders: Folders,
        ledger_schema: str,
        acquire_timeout: float,
        actor: str,
        as_json: bool,
        **own: Any,
    ) -> None:
        declaring = Declaring(
            read_url=read_url,
            folders=folders,
            ledger_schema=ledger_schema,
            acquire_timeout=acquire_timeout,
            actor=actor,
            as_json=as_json,
        )
        command(declaring=declaring, **own)

    return with_declaring


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"uid {os.getuid()}"
