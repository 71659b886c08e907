"""What a shell may complete beyond commands and options: the versions that have a file here."""

import re
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

MIGRATION_FOLDERS: Final = (Path("migrations"), Path("supabase/migrations"))
"""Where migrations are looked for if nobody says where they are; the first that exists."""

_MIGRATION: Final = re.compile(r"([0-9]+)_(.*)\.sql")


def complete_version(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Give the versions in the folders of migrations, the latest first, each with its name.

    Completion must never fail and never connect: a folder that cannot be read has no versions.
    """
    del param
    found = tuple(path for path in MIGRATION_FOLDERS if path.is_dir())
    folders = ctx.params.get("migrations") or found[:1]
    try:
        names = [path.name for folder in folders for path in Path(folder).iterdir()]
    except OSError:
        return []
    files = [match for name in names if (match := _MIGRATION.fullmatch(name))]
    files.sort(key=lambda match: int(match[1]), reverse=True)
    return [
        CompletionItem(match[1], help=match[2].replace("_", " "))
        for match in files
        if match[1].startswith(incomplete)
    ]
