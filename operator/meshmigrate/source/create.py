"""Making the files of a new migration."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.version import Version

_NUMBERED: Final = re.compile(r"([0-9]+)_.*\.sql", re.IGNORECASE)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER: Final = re.compile(r"[^a-z0-9]+")
_DIGITS: Final = 14


@dataclass(frozen=True, slots=True)
class CreatedMigration:
    """The files that were made."""

    version: Version
    migration: Path
    rollback: Path


def snake(name: str) -> str:
    """Write a name with small letters, digits and underscores; accents are left off.

    Raises
    ------
    ValueError
        If nothing is left of it.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = _OTHER.sub("_", _HUMP.sub("_", plain).lower()).strip("_")
    if not words:
        raise ValueError(f"a name needs a letter from a to z or a digit: {name!r} has none")
    return words


def create_migration(
    name: str, *, migrations: Path, rollbacks: Path, now: datetime
) -> CreatedMigration:
    """Make a migration and its rollback script, numbered above everything in both folders.

    Parameters
    ----------
    name
        As ``snake`` gives it.
    now
        Gives the number: 14 digits in UTC, so that people who work at the same time do not
        take the same one.

    Raises
    ------
    Refusal
        ``SourceUnwritable``; no file of ours is left then.
    """
    try:
        for folder in (migrations, rollbacks):
            folder.mkdir(parents=True, exist_ok=True)
        number = int(now.astimezone(UTC).strftime("%Y%m%d%H%M%S"))
        taken = max((*_numbers(migrations), *_numbers(rollbacks)), default=0)
        version = Version(f"{max(number, taken + 1):0{_DIGITS}d}")
        file = f"{version}_{name}.sql"
        created = CreatedMigration(version, migrations / file, rollbacks / file)
        _write(created.migration, f"-- The way up: {name}.\n")
        try:
            _write(created.rollback, f"-- The way back: undoes all that {name} does.\n")
        except OSError:
            created.migration.unlink()
            raise
    except OSError as error:
        raise Refusal(
            Reason.SOURCE_UNWRITABLE,
            f"the files of the migration cannot be made: {error.strerror}",
            hint="Say with --migrations and --rollbacks where the files may go.",
            location=Location(str(error.filename)) if error.filename else None,
        ) from None
    return created


def _numbers(folder: Path) -> Iterator[int]:
    for entry in folder.iterdir():
        match = _NUMBERED.fullmatch(entry.name)
        if match:
            yield int(match[1])


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
