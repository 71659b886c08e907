"""Reading folders of SQL files into one set of migrations."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from io import FileIO
from operator import attrgetter
from os.path import realpath
from pathlib import Path
from typing import Final, NamedTuple

from msgspec import Struct

from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Folders
from meshmigrate.domain.script import Migration, MigrationSet, Script, ScriptKind
from meshmigrate.domain.version import Version
from meshmigrate.source.decode import decode_script
from meshmigrate.source.directives import make_script

_VERSIONED: Final = re.compile(r"([0-9]+)_(.*)\.sql")
_ALWAYS: Final = re.compile(r"always_.*\.sql")
_SMALL: Final = 16 * 1024
"""Bytes that are read at once."""


class _File(Struct, frozen=True, gc=False):
    version: Version | None
    """None for a check of the ``always_`` kind."""
    name: str
    script: Script


class RawFile(NamedTuple):
    """A file as it lies in its folder."""

    name: str
    """Without the folder."""
    shown: str
    """What an error calls it."""
    data: bytes


def read_raw(folders: Iterable[str]) -> list[RawFile]:
    """Read the bytes of what `read_source` reads from folders of one kind.

    Raises
    ------
    Refusal
        ``SourceUnreadable``.
    """
    return [
        RawFile(shown.rpartition("/")[2], shown, _read_bytes(path, shown))
        for folder in folders
        for path, shown in _sql_files(Path(folder), "")
    ]


def read_source(folders: Folders) -> MigrationSet:
    """Read migrations, rollback scripts and checks.

    Files are named ``<digits>_<name>.sql`` and ordered by the number; a rollback script has the
    version of its migration; a check has it too, or is named ``always_<name>.sql``. Several
    folders of one kind merge into one set. No link may lead out of its folder, or, where
    ``within`` is given, out of that one. Files that do not end in ``.sql`` and entries that
    start with a dot, such as the ``..data`` of a mounted ConfigMap, are left alone.

    Raises
    ------
    Refusal
        ``SourceUnreadable``, ``EmptySource``, ``InvalidFileName``, ``DuplicateVersion``,
        ``OrphanScript``, ``InvalidEncoding`` or ``InvalidDirective``.
    """
    boundary = folders.within
    migrations = _one_per_number(_read(folders.migrations, ScriptKind.MIGRATION, boundary))
    if not migrations:
        raise Refusal(
            Reason.EMPTY_SOURCE,
            f"there is no migration in {', '.join(folders.migrations) or 'an empty list'}",
            hint="A migration is a file named <digits>_<name>.sql.",
        )
    rollbacks = _one_per_number(_read(folders.rollbacks, ScriptKind.ROLLBACK, boundary))
    checks = sorted(_read(folders.checks, ScriptKind.CHECK, boundary), key=lambda c: c.name)
    checks_of: dict[int, list[Script]] = defaultdict(list)
    for file in (*rollbacks.values(), *checks):
        if file.version is not None and file.version.number not in migrations:
            raise _orphan(file)
    for check in checks:
        if check.version is not None:
            checks_of[check.version.number].append(check.script)
    return MigrationSet(
        migrations=tuple(
            Migration(
                version,
                file.name,
                file.script,
                rollbacks[number].script if number in rollbacks else None,
                tuple(checks_of[number]) if number in checks_of else (),
            )
            for number, file in sorted(migrations.items())
            if (version := file.version)
        ),
        final_checks=tuple(check.script for check in checks if check.version is None),
    )


def _read(folders: Iterable[str], kind: ScriptKind, boundary: str) -> list[_File]:
    return [
        _read_file(path, shown, kind)
        for folder in folders
        for path, shown in _sql_files(Path(folder), boundary)
    ]


def _sql_files(folder: Path, boundary: str) -> Iterator[tuple[str, str]]:
    """Give the real path and the name to show of every ``.sql`` file, in order of name."""
    try:
        root = realpath(folder, strict=True)  # Path.resolve raises RuntimeError at a loop
        limit = realpath(boundary) if boundary else root
        if not Path(root).is_relative_to(limit):
            raise _unreadable(str(folder), "the path leads out of the source")
        with os.scandir(root) as found:
            entries = sorted(found, key=attrgetter("name"))
    except OSError as error:
        raise _unreadable(str(folder), f"the folder cannot be read: {error.strerror}") from None
    # A relative folder is what the user typed, and opens from where they are; an absolute one
    # is a mount, of which the last part says enough.
    prefix = Path(folder.name) if folder.is_absolute() else folder
    before = (prefix / "_").as_posix()[:-1]
    for entry in entries:
        name = entry.name
        if name[0] == "." or name[-4:].lower() != ".sql":
            continue
        # Strings, as a Path for each of 10,000 files takes as long as reading it.
        shown, path = before + name, entry.path
        if not entry.is_file(follow_symlinks=False):
            path = _followed(entry, shown, limit)
        yield path, shown


def _followed(entry: os.DirEntry[str], shown: str, limit: str) -> str:
    """Give the file that a link leads to."""
    if not entry.is_symlink():
        raise _unreadable(shown, "this is not a regular file", _A_FILE)
    path = realpath(entry.path)
    if not Path(path).is_relative_to(limit):
        raise _unreadable(shown, "the symbolic link leaves its folder", _A_FILE)
    if not Path(path).is_file():
        raise _unreadable(shown, "the symbolic link leads to no file", _A_FILE)
    return path


def _read_file(path: str, shown: str, kind: ScriptKind) -> _File:
    version, name = _parse_name(shown, kind)
    text = decode_script(_read_bytes(path, shown), shown)
    return _File(version, name, make_script(kind, shown, text))


def _read_bytes(path: str, shown: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return _read_all(file)
        finally:
            os.close(file)
    except OSError as error:
        raise _unreadable(shown, f"the file cannot be read: {error.strerror}") from None


def _read_all(file: int) -> bytes:
    # A file object for each of 10,000 small files takes four times as long as reading them.
    data = os.read(file, _SMALL)
    if not os.read(file, 1):
        return data
    os.lseek(file, 0, os.SEEK_SET)
    with FileIO(file, closefd=False) as whole:
        return whole.readall()


def _parse_name(shown: str, kind: ScriptKind) -> tuple[Version | None, str]:
    file_name = shown.rpartition("/")[2]
    if not file_name.isprintable():  # would not survive JSON, a terminal or a log line
        raise _misnamed(ascii(shown).strip("'"), "printable characters only")
    if match := _VERSIONED.fullmatch(file_name):
        return Version(match[1]), match[2]
    if kind is not ScriptKind.CHECK:
        raise _misnamed(shown, "<digits>_<name>.sql")
    if not _ALWAYS.fullmatch(file_name):
        raise _misnamed(shown, "<digits>_<name>.sql or always_<name>.sql")
    return None, file_name


def _one_per_number(files: Iterable[_File]) -> dict[int, _File]:
    by_number: dict[int, _File] = {}
    for file in files:
        if file.version is None:
            continue
        first = by_number.setdefault(file.version.number, file)
        if first is not file:
            raise _duplicate(first, file)
    return by_number


_A_FOLDER: Final = "Give a folder whose files the runner's user may read."
_A_FILE: Final = "Put the file itself there, or move this out of the folder."


def _unreadable(shown: str, why: str, hint: str = _A_FOLDER) -> Refusal:
    return Refusal(
        Reason.SOURCE_UNREADABLE,
        why,
        hint=hint,
        location=Location(shown),
    )


def _misnamed(shown: str, expected: str) -> Refusal:
    return Refusal(
        Reason.INVALID_FILE_NAME,
        f"the file name is not of the form expected here: {expected}",
        hint="Rename the file, or move it out of the folder if it is something else.",
        location=Location(shown),
    )


def _duplicate(first: _File, second: _File) -> Refusal:
    return Refusal(
        Reason.DUPLICATE_VERSION,
        f"{first.script.file} and {second.script.file} have the same version, {first.version}",
        hint="Give one of them a number of its own; "
        "rollback scripts and checks go into folders of their own.",
        location=Location(second.script.file),
    )


def _orphan(file: _File) -> Refusal:
    return Refusal(
        Reason.ORPHAN_SCRIPT,
        f"this {file.script.kind} script belongs to version {file.version}, which has no migration",
        hint="Put the migration back, or remove the script.",
        location=Location(file.script.file),
    )
