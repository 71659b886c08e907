"""``meshmigrate adopt``: for a database that Supabase's command line has migrated so far."""

from functools import partial

import click

from meshmigrate.cli.completion import complete_version
from meshmigrate.cli.declaration import Declaring, declaring_options, version
from meshmigrate.cli.options import examples
from meshmigrate.domain.version import Version


@click.command(
    epilog=examples(
        "meshmigrate adopt --dry-run",
        "meshmigrate adopt --accept 20260105090000",
        then="`meshmigrate plan` shows what is still to be applied.",
    )
)
@declaring_options
@click.option(
    "--accept",
    "accepted",
    type=version,
    multiple=True,
    metavar="VERSION",
    shell_complete=complete_version,
    help="A version whose file is right although it is not what was run; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be adopted, and change nothing.")
def adopt(*, declaring: Declaring, accepted: tuple[Version, ...], dry_run: bool) -> None:
    """Take over the history in supabase_migrations.schema_migrations; nothing is run.

    Every version of that table needs its file, with the statements that the table has; layout and
    comments do not count. `meshmigrate apply` then goes on with what is not in it. The table
    itself is left as it is. Repeated, it adopts what has been added.

    Exit codes: 0 done or nothing to do, 10 refused and untouched, 30 interrupted and untouched,
    31 lock timeout, 32 unreachable.
    """
    from meshmigrate.engine.adopt import Adoption
    from meshmigrate.engine.declare import declare

    decide = Adoption(accepted, declaring.actor).decide
    declaring.carry_out_and_exit(partial(declare, decide=decide, dry_run=dry_run))
