"""``meshmigrate repair``: a person says what the files and the database do not tell."""

from functools import partial
from typing import TYPE_CHECKING, Literal

import click

from meshmigrate.cli.completion import complete_version
from meshmigrate.cli.declaration import Declaring, declaring_options, version
from meshmigrate.cli.options import examples
from meshmigrate.domain.version import Version

if TYPE_CHECKING:
    from meshmigrate.cli.start import Start


@click.command(
    epilog=examples(
        "meshmigrate repair --accept 20260105090000 --reason 'a comment only'",
        "meshmigrate repair --step done --version 20260105090000 --reason 'all rows are there'",
        then="`meshmigrate plan` shows that nothing is refused any more.",
    )
)
@declaring_options
@click.option(
    "--accept",
    "accepted",
    type=version,
    metavar="VERSION",
    shell_complete=complete_version,
    help="The applied version whose file is right as it is now.",
)
@click.option(
    "--step",
    type=click.Choice(["done", "retry"]),
    help="Whether the statement counts as done that a run halted at (StepUnknown), or runs again; "
    "the same of a rollback script that failed in the middle (RollbackIncomplete).",
)
@click.option(
    "--version", "of_version", type=version, metavar="VERSION", help="The version of that --step."
)
@click.option("--reason", required=True, metavar="TEXT", help="Why that is so; kept in the log.")
def repair(
    *,
    declaring: Declaring,
    accepted: Version | None,
    step: Literal["done", "retry"] | None,
    of_version: Version | None,
    reason: str,
) -> None:
    """Accept an edited file, or decide what an interrupted statement has done.

    --accept: the history takes the file's checksum, and the rollback script beside it; nothing of
    it is run. Only where the database already is what the file says: otherwise write a new
    migration.

    --step: look first at what the statement did. The next run goes on behind it, or with it. Of a
    version that is half taken back, done means that nothing of it stands, retry that all of it
    stands.

    Exit codes: 0 done or nothing to do, 10 refused and untouched, 30 interrupted and untouched,
    31 lock timeout, 32 unreachable.
    """
    if not reason.strip():
        raise click.BadParameter("say why: the log keeps it", param_hint="--reason")
    if accepted is not None and step is None and of_version is None:
        start = _accept(accepted, reason.strip(), declaring.actor)
    elif step is not None and of_version is not None and accepted is None:
        start = _decide(of_version, step, reason.strip(), declaring.actor)
    else:
        raise click.UsageError(
            "give either --accept VERSION, or --step done|retry and --version VERSION"
        )
    declaring.carry_out_and_exit(start)


def _accept(accepted: Version, reason: str, actor: str) -> "Start":
    from meshmigrate.engine.declare import declare
    from meshmigrate.engine.repair import Repair

    return partial(declare, decide=Repair(accepted, reason, actor).decide)


def _decide(
    of_version: Version, decision: Literal["done", "retry"], reason: str, actor: str
) -> "Start":
    from meshmigrate.engine.declare import declare
    from meshmigrate.engine.repair_step import StepRepair

    decide = StepRepair(of_version, decision, reason, actor).decide
    return partial(declare, decide=decide, while_unfinished=True)
