"""The options that say how a run goes: how far, as whom, in which order, for how long."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

from meshmigrate.cli.completion import complete_version
from meshmigrate.cli.options import Command
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.runspec import Access, FingerprintScope, HazardPolicy, Policy

_LONGEST_SECONDS: Final = 366 * 24 * 3600


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


def hazard_policy(allowed: tuple[str, ...]) -> HazardPolicy:
    """Give the policy of a run that allows these."""
    return HazardPolicy(allow=tuple(Hazard(name) for name in dict.fromkeys(allowed)))


def names(text: str) -> tuple[str, ...]:
    """Read names between commas; none at all is allowed."""
    found = tuple(name.strip() for name in text.split(",")) if text else ()
    if not all(found):
        raise click.BadParameter(f"{text!r} has an empty name")
    return found


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
    "--write-back/--no-write-back",
    default=None,
    envvar="MESHMIGRATE_WRITE_BACK",
    show_envvar=True,
    help="Write each version into supabase_migrations.schema_migrations too, in the same "
    "transaction. Default: as the last run that said so.",
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
allow_hazards_option: Final = click.option(
    "--allow-hazard",
    "allowed_hazards",
    type=click.Choice([hazard.value for hazard in Hazard]),
    multiple=True,
    help="What every file of this run may do; otherwise the file itself has to allow it. "
    "May be repeated.",
)
drift_option: Final = click.option(
    "--drift",
    type=click.Choice(["Warn", "Refuse", "Ignore"]),
    default=Policy().drift,
    show_default=True,
    help="What to do when the schema is not as the last run left it.",
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


def _seconds(name: str, default: float, text: str) -> Callable[[Command], Command]:
    return click.option(name, type=Seconds(), default=default, show_default=True, help=text)


acquire_timeout_option: Final = _seconds(
    "--acquire-timeout",
    Policy().lock.acquire_timeout_seconds,
    "How long to wait for another run to end.",
)
table_lock_deadline_option: Final = _seconds(
    "--table-lock-deadline",
    Policy().lock.table_lock_deadline_seconds,
    "How long a file may try for table locks.",
)
statement_timeout_option: Final = _seconds(
    "--statement-timeout",
    Policy().statement_timeout_seconds,
    "How long one statement may take.",
)
deadline_option: Final = _seconds(
    "--deadline",
    Policy().deadline_seconds,
    "How long the way forward may take.",
)
rollback_deadline_option: Final = _seconds(
    "--rollback-deadline",
    Policy().rollback_deadline_seconds,
    "How long the way back may take.",
)


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
        help="Schema that the fingerprint covers; may be repeated. Default: all but the system's "
        "and those that Supabase manages.",
    )
    @wraps(command)
    def with_scope(*, ignore: tuple[str, ...], schemas: tuple[str, ...], **others: Any) -> None:
        command(fingerprint_scope=FingerprintScope(ignore=ignore, schemas=schemas), **others)

    return with_scope
