"""The options that say where migrations, rollback scripts and checks are."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from meshmigrate.cli.completion import MIGRATION_FOLDERS
from meshmigrate.cli.options import FOLDER, Command
from meshmigrate.domain.runspec import Folders


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
