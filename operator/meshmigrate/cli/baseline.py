"""``meshmigrate baseline``: for a database that was there before its history."""

from functools import partial

import click

from meshmigrate.cli.completion import complete_version
from meshmigrate.cli.declaration import Declaring, declaring_options
from meshmigrate.cli.options import examples


@click.command(
    epilog=examples(
        "meshmigrate baseline --to 20260105090000",
        then="`meshmigrate plan` shows what is still to be applied.",
    )
)
@declaring_options
@click.option(
    "--to",
    "target",
    required=True,
    metavar="VERSION",
    shell_complete=complete_version,
    help="The last version whose changes the database already has, or 'latest' for all.",
)
def baseline(*, declaring: Declaring, target: str) -> None:
    """Declare every version up to VERSION present, without running any of them.

    For a database that was made by other means and has no history yet. `meshmigrate apply` then
    goes on with the versions after it. Repeated, it changes nothing.

    Exit codes: 0 done or nothing to do, 10 refused and untouched, 30 interrupted and untouched,
    31 lock timeout, 32 unreachable.
    """
    from meshmigrate.engine.baseline import decide_baseline
    from meshmigrate.engine.declare import declare

    declaring.carry_out_and_exit(partial(declare, decide=decide_baseline), target=target)
