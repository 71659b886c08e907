"""``meshmigrate fingerprint``: what the schema is, and how it differs from another one."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from meshmigrate.cli.options import (
    FOLDER,
    ReadURL,
    database_options,
    examples,
    json_option,
    ledger_schema_option,
)
from meshmigrate.cli.run_options import fingerprint_options
from meshmigrate.domain.outcome import EXIT_FINDINGS
from meshmigrate.domain.runspec import FingerprintScope
from meshmigrate.domain.schema_answers import FingerprintAnswer, ObjectDifference

if TYPE_CHECKING:
    from meshmigrate.engine.fingerprint.compare import Fingerprint

_LAST_RUN: Final = "last-run"


@click.command(
    epilog=examples(
        "meshmigrate fingerprint",
        "meshmigrate fingerprint --save schema.json",
        "meshmigrate fingerprint --against schema.json",
        "meshmigrate fingerprint --against last-run --json",
        then="`meshmigrate log` shows what was run, and when.",
    )
)
@database_options
@ledger_schema_option
@fingerprint_options
@click.option("--save", type=FOLDER, metavar="FILE", help="Write the fingerprint to a file.")
@click.option(
    "--against",
    metavar="FILE|last-run",
    help="Show what differs from a saved fingerprint, or from the one the last run left.",
)
@json_option
def fingerprint(
    *,
    read_url: ReadURL,
    ledger_schema: str,
    fingerprint_scope: FingerprintScope,
    save: Path | None,
    against: str | None,
    as_json: bool,
) -> None:
    """Show the fingerprint of the schema: a digest for each kind of object, and one over all.

    Two databases with the same schema have the same fingerprint, whatever their history. Reads
    only and takes no lock. Bodies of functions, comments and literals are neither shown nor
    saved, only digests of them.

    Exit codes: 0 shown or equal, 10 refused, 11 different (only with --against), 32 unreachable.
    """
    from meshmigrate.cli.answer import give_json, problems_told
    from meshmigrate.cli.interrupt import interruptible
    from meshmigrate.engine.fingerprint.catalog import in_peace
    from meshmigrate.engine.fingerprint.saved import encode_saved
    from meshmigrate.engine.looking import look
    from meshmigrate.engine.read_fingerprint import answer, left_by_last_run, take_fingerprint

    def read() -> "tuple[Fingerprint, FingerprintAnswer]":
        with look(read_url(), ledger_schema, "fingerprint", looking.attach) as sight:
            other = left_by_last_run(sight) if against == _LAST_RUN else saved
            now = take_fingerprint(sight, fingerprint_scope, other)
            return now, answer(sight, now, other)

    with problems_told(as_json=as_json), interruptible(as_json=as_json) as looking:
        saved = None if against in {None, _LAST_RUN} else _read(Path(str(against)))
        now, found = in_peace(read)
        if save is not None:
            _write(save, encode_saved(now))
    if as_json:
        give_json(found)
    else:
        _show(found)
    if found.differences:
        sys.exit(EXIT_FINDINGS)


def _read(file: Path) -> "Fingerprint":
    from meshmigrate.domain.errors import Refusal
    from meshmigrate.domain.reason import Reason
    from meshmigrate.engine.fingerprint.saved import decode_saved

    try:
        return decode_saved(file.read_bytes(), file)
    except OSError as error:
        raise Refusal(
            Reason.INVALID_FINGERPRINT,
            f"{file} cannot be read: {error.strerror}",
            hint="Make it with `meshmigrate fingerprint --save FILE`.",
        ) from error


def _write(file: Path, content: bytes) -> None:
    from meshmigrate.domain.errors import Refusal
    from meshmigrate.domain.reason import Reason

    try:
        file.write_bytes(content)
    except OSError as error:
        raise Refusal(
            Reason.SOURCE_UNWRITABLE,
            f"{file} cannot be written: {error.strerror}",
            hint="Give a file in a folder that exists and can be written to.",
        ) from error


def _show(found: FingerprintAnswer) -> None:
    from meshmigrate.cli.answer import give_facts, give_lines, give_rows

    database = found.database
    place = f"{database.name}, system identifier {database.system_identifier}"
    give_facts([("database", place), ("fingerprint", found.digest)])
    if found.managed:
        names = ", ".join(found.managed)
        give_facts([("managed", f"{names}: of these only triggers and policies are covered")])
    give_facts(("note", note) for note in found.notes)
    if found.differences is None:
        rows = [(each.name, str(each.objects), each.digest) for each in found.sections]
        give_rows("section", ("Section", "Objects", "Digest"), rows)
        return
    give_lines(line for difference in found.differences for line in _lines(difference))
    count = len(found.differences)
    give_facts([("differences", str(count) if count else "none")])


def _lines(difference: ObjectDifference) -> Iterator[str]:
    """Give a difference as a person reads it: with the lines that are not the same."""
    from difflib import unified_diff

    before, after = difference.before, difference.after
    word = "changed" if before and after else "missing" if before else "new"
    yield f"{word} in {difference.section}: {difference.object}"
    changes = unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    for line in list(changes)[2:]:
        if not line.startswith("@@"):
            yield f"  {line[0]} {line[1:]}"
