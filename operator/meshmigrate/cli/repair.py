"""``meshmigrate repair``: the file of an applied version was changed, and a person accepts that."""

from functools import partial

import click

from meshmigrate.cli.completion import complete_version
from meshmigrate.cli.declaration import Declaring, declaring_options, version
from meshmigrate.cli.options import examples
from meshmigrate.domain.version import Version


@click.command(
    epilog=examples(
        "meshmigrate repair --accept 20260105090000 --reason 'a comment only'",
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
    required=True,
    help="The applied version whose file is right as it is now.",
)
@click.option("--reason", required=True, metavar="TEXT", help="Why that is so; kept in the log.")
def repair(*, declaring: Declaring, accepted: Version, reason: str) -> None:
    """Accept the file of an applied version as it is now; nothing of it is run.

    The history takes the file's checksum, and the rollback script beside it. Only where the
    database already is what the file says: otherwise write a new migration.

    Exit codes: 0 done or nothing to do, 10 refused and untouched, 30 interrupted and untouched,
    31 lock timeout, 32 unreachable.
    """
    from meshmigrate.engine.declare import declare
    from meshmigrate.engine.repair import Repair

    if not reason.strip():
        raise click.BadParameter("say why: the log keeps it", param_hint="--reason")
    decide = Repair(accepted, reason.strip(), declaring.actor).decide
    declaring.carry_out_and_exit(partial(declare, decide=decide))
