"""What versions did, read from the scripts as they were: the ledger's copies need no source."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.script import Migration, ScriptKind
from meshmigrate.domain.way_back import Pending, ways_back
from meshmigrate.engine.ledger import history
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.prepared import prepare_migration
from meshmigrate.engine.wanted import Wanted


class Shelf(Protocol):
    """Where scripts are kept: in the ledger, and in the source."""

    @property
    def ledger(self) -> Ledger:
        """The ledger, which must exist."""
        ...

    @property
    def wanted(self) -> Wanted:
        """The source."""
        ...


def migrations(
    shelf: Shelf, rows: Iterable[AppliedVersion]
) -> Iterator[tuple[AppliedVersion, Migration | None]]:
    """Give the scripts of versions of the history; None for a file that is nowhere any more.

    The ledger keeps no large migrations: then the source's is taken if it is the same.
    """
    source = {each.version: each for each in shelf.wanted.source.migrations}
    for row in rows:
        there = source.get(row.version)
        if there is not None and there.script.checksum == row.checksum:
            script = there.script
        else:
            file = f"migrations/{row.version}_{row.name}.sql"
            kept = history.find_script(shelf.ledger, row.checksum, ScriptKind.MIGRATION, file)
            if kept is None:
                yield row, None
                continue
            script = kept
        rollback = history.rollback_script(shelf.ledger, row)
        yield row, Migration(row.version, row.name, script, rollback)


def files(shelf: Shelf, rows: Iterable[AppliedVersion]) -> Iterator[Pending]:
    """Give versions as what modes and ways back are decided on, as far as they are there."""
    for _, migration in migrations(shelf, rows):
        if migration is not None:
            yield prepare_migration(migration).pending(begun=False)


def discarded(shelf: Shelf, rows: Iterable[AppliedVersion]) -> tuple[str, ...]:
    """Name the data that versions have discarded and rollback scripts do not bring back.

    Parameters
    ----------
    rows
        In the order in which they were applied.
    """
    known: list[Pending] = []
    unknown: list[str] = []
    for row, migration in migrations(shelf, rows):
        try:
            if migration is not None:
                known.append(prepare_migration(migration).pending(begun=False))
                continue
        except Refusal:  # a version that was declared present was never run by us
            pass
        unknown.append(f"version {row.version}: not known, as its file is not to be read")
    lost = (f"version {each.version}: {text}" for each in ways_back(known) for text in each.losses)
    return (*lost, *unknown)
