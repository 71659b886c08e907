"""A repair: the file of an applied version was changed, and that is accepted."""

from dataclasses import dataclass

from msgspec.structs import replace

from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.script import Migration
from meshmigrate.domain.version import Version
from meshmigrate.engine.declaration import Declaration, Declared, Situation
from meshmigrate.engine.ledger import history
from meshmigrate.engine.ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Repair:
    """What is accepted, why, and by whom."""

    version: Version
    reason: str
    actor: str

    def decide(self, situation: Situation) -> Declaration:
        """Accept the file as it is now, and the rollback script beside it.

        Where the source has no rollback script, the one that the ledger keeps stays.

        Raises
        ------
        Refusal
            ``NotApplied``, ``MissingFile``, or ``NothingToRepair`` where the file is what the
            history says.
        """
        row = self._row(situation)
        migration = next(
            (each for each in situation.wanted.source.migrations if each.version == row.version),
            None,
        )
        if migration is None:
            raise Refusal(
                Reason.MISSING_FILE,
                f"version {row.version} ({row.name}) is applied, but its file is not in the source",
                hint="Put the file back: there is nothing to compare the history with.",
            )
        changes = "; ".join(_changes(row, migration))
        if not changes:
            raise Refusal(
                Reason.NOTHING_TO_REPAIR,
                f"version {row.version} is in the history as its file is: {row.checksum}",
                hint="Nothing to do: `meshmigrate apply` does not complain about it.",
                location=Location(migration.script.file),
            )

        def write(ledger: Ledger, _: RunSpec) -> None:
            history.accept(ledger, row, migration)

        by = f" by {self.actor}" if self.actor else ""
        declared = Declared(
            event="ChecksumAccepted",
            version=str(row.version),
            file=migration.script.file,
            write=write,
            message=f"{changes}; accepted{by}: {self.reason}",
            row=_accepted(row, migration),
        )
        return Declaration(
            message=f"accepted version {row.version}: {changes}", versions=(declared,)
        )

    def _row(self, situation: Situation) -> AppliedVersion:
        for row in situation.history:
            if row.version == self.version:
                return row
        raise Refusal(
            Reason.NOT_APPLIED,
            f"version {self.version} is not in the history",
            hint="Give a version that is applied; a file that is not may be edited freely.",
        )


def _accepted(row: AppliedVersion, migration: Migration) -> AppliedVersion:
    rollback = migration.rollback
    return replace(
        row,
        checksum=migration.script.checksum,
        rollback_checksum=rollback.checksum if rollback else row.rollback_checksum,
    )


def _changes(row: AppliedVersion, migration: Migration) -> list[str]:
    found = []
    if row.checksum != migration.script.checksum:
        found.append(f"checksum {row.checksum} becomes {migration.script.checksum}")
    rollback = migration.rollback
    if rollback is not None and rollback.checksum != row.rollback_checksum:
        before = row.rollback_checksum or "none"
        found.append(f"rollback script {before} becomes {rollback.checksum}")
    return found
