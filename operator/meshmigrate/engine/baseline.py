"""A baseline: versions that a database already has are declared present, not run."""

from functools import partial

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.plan import refuse_changed_history
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.script import Migration
from meshmigrate.engine.declaration import (
    NOTHING,
    Declaration,
    Declared,
    Situation,
    declared_row,
)
from meshmigrate.engine.ledger import history, log
from meshmigrate.engine.ledger.store import Ledger


def decide_baseline(situation: Situation) -> Declaration:
    """Declare every version of the source up to the target; again, it changes nothing.

    Raises
    ------
    Refusal
        ``UnknownTarget``; ``HistoryNotEmpty`` where there is a history that is not this
        baseline; ``ChecksumMismatch`` or ``MissingFile`` where it is one of other files.
    """
    wanted = situation.wanted
    if wanted.target is not None and wanted.target not in {
        migration.version for migration in wanted.source.migrations
    }:
        raise Refusal(
            Reason.UNKNOWN_TARGET,
            f"there is no migration with version {wanted.target}",
            hint="Give the last version whose changes the database already has.",
        )
    declared = [
        migration
        for migration in wanted.source.migrations
        if wanted.target is None or migration.version <= wanted.target
    ]
    if situation.history:
        _refuse_other_history(situation, declared)
        return NOTHING
    count = f"{len(declared)} {'version' if len(declared) == 1 else 'versions'}"
    return Declaration(
        message=f"declared {count} present without running, up to {declared[-1].version}",
        versions=tuple(
            Declared(
                event=log.BASELINED,
                version=str(migration.version),
                file=migration.script.file,
                write=partial(_write, migration),
                row=declared_row(migration, "baseline"),
            )
            for migration in declared
        ),
    )


def _refuse_other_history(situation: Situation, declared: list[Migration]) -> None:
    rows = situation.history
    baseline = {row.version for row in rows if row.how == "baseline"}
    if baseline != {migration.version for migration in declared}:
        present = max(row.version for row in rows)
        raise Refusal(
            Reason.HISTORY_NOT_EMPTY,
            f"the history already has {len(rows)} "
            f"{'version' if len(rows) == 1 else 'versions'}, up to {present}",
            hint="A baseline is for a database without a history; `meshmigrate apply` goes on "
            "from the one that is there.",
        )
    refuse_changed_history([row for row in rows if row.how == "baseline"], situation.wanted.source)


def _write(migration: Migration, ledger: Ledger, spec: RunSpec) -> None:
    history.declare(ledger, migration, spec.run.id, "baseline")
