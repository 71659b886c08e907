"""``meshmigrate adopt``: for a database that Supabase's command line has migrated so far."""

from functools import partial

import click

from meshmigrate.cli.declaration import Declaring, declaring_options, version
from meshmigrate.cli.options import examples
from meshmigrate.domain.version import Version


@click.command(
    epilog=examples("meshmigrate adopt --dry-run", "meshmigrate adopt --accept 20260105090000")
)
@declaring_options
@click.option(
    "--accept",
    "accepted",
    type=version,
    multiple=True,
    metavar="VERSION",
    help="A version whose file is right although it is not what was run; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be adopted, and change nothing.")
def adopt(*, declaring: Declaring, accepted: tuple[Version, ...], dry_run: bool) -> None:
    """Take over the history in supabase_migrations.schema_migrations; nothing is run.

    Every version of that table needs its file, with the statements that the table has; layout and
    comments do not count. `meshmigrate apply` then goes on with what is not in it. The table
    itself is left as it is. Repeated, it adopts what has been added. Exit codes are those of
    `meshmigrate apply`.
    """
    from meshmigrate.engine.adopt import Adoption
    from meshmigrate.engine.declare import declare

    decide = Adoption(accepted, declaring.actor).decide
    declaring.carry_out_and_exit(partial(declare, decide=decide, dry_run=dry_run))
