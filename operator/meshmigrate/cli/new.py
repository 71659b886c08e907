"""``meshmigrate new``: the files of a new migration."""

from datetime import UTC, datetime
from pathlib import Path

import click

from meshmigrate.cli.completion import MIGRATION_FOLDERS
from meshmigrate.cli.folder_options import beside
from meshmigrate.cli.options import FOLDER, examples, json_option


@click.command(
    epilog=examples(
        "meshmigrate new 'add tenant slugs'",
        "meshmigrate new AddTenantSlugs --migrations db/migrations --rollbacks db/rollbacks",
        then="write the SQL into both files, then `meshmigrate plan` checks them.",
    )
)
@click.argument("name")
@click.option(
    "--migrations",
    type=FOLDER,
    help="Where the migration goes. Default: migrations/, or supabase/migrations/ where only "
    "that exists.",
)
@click.option(
    "--rollbacks",
    type=FOLDER,
    help="Where the rollback script goes. Default: rollbacks/ beside the migrations.",
)
@json_option
def new(*, name: str, migrations: Path | None, rollbacks: Path | None, as_json: bool) -> None:
    """Make <14 digits, UTC>_NAME.sql and its rollback script, to be filled in.

    Needs no database. The number is above that of every file there is, and no file is
    overwritten.

    Exit codes: 0 made, 2 not a name, 10 a folder cannot be read or written.
    """
    from meshmigrate.cli.answer import give_json, problems_told
    from meshmigrate.domain.answers import NewFiles
    from meshmigrate.source.create import create_migration, snake

    existing = (folder for folder in MIGRATION_FOLDERS if folder.is_dir())
    folder = migrations or next(existing, MIGRATION_FOLDERS[0])
    try:
        words = snake(name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="NAME") from error
    with problems_told(as_json=as_json):
        created = create_migration(
            words,
            migrations=folder,
            rollbacks=rollbacks or beside(folder, "rollbacks"),
            now=datetime.now(UTC),
        )
    if as_json:
        give_json(
            NewFiles(
                api_version=1,
                version=str(created.version),
                migration=str(created.migration),
                rollback=str(created.rollback),
            )
        )
        return
    click.echo(f"{created.migration}\n{created.rollback}")
