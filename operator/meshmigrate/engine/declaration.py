"""What the history is to say without a file being run: decided by reading, written under the lock.

Everything that a declaration writes, the row of its run included, is one transaction: after a
crash it has either happened or not, and there is nothing to continue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from msgspec.structs import replace as with_fields

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import AppliedVersion, How
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunIdentity, RunSpec
from meshmigrate.domain.script import Migration
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.drift import scope
from meshmigrate.engine.ending import Ending, LockedRun, Verdict, finish
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint
from meshmigrate.engine.ledger import log, runs
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.wanted import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a declaration is decided on: the files, the history, the database."""

    wanted: Wanted
    history: tuple[AppliedVersion, ...]
    connection: Connection
    ledger: Ledger | None = None
    """None where there is none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """One version that the history is to say something else about, and the log's word for it."""

    event: str
    version: str
    file: str
    write: Callable[[Ledger, RunSpec], None]
    message: str | None = None
    row: AppliedVersion | None = None
    """What the history has then; None where it stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What changes in the history; nothing, if it says so already."""

    message: str
    versions: tuple[Declared, ...]

    def history(self, before: tuple[AppliedVersion, ...]) -> tuple[AppliedVersion, ...]:
        """Give the history as it will be."""
        rows = {row.version: row for row in before}
        rows |= {each.row.version: each.row for each in self.versions if each.row is not None}
        return tuple(rows.values())


NOTHING: Final = Declaration(message="", versions=())
_NOT_YET: Final = UUID(int=0)

Decide = Callable[[Situation], Declaration]
"""Gives the declaration, or raises the refusal; only reads."""


def declared_row(migration: Migration, how: How) -> AppliedVersion:
    """Give the row that a version has in the history when it is declared present."""
    rollback = migration.rollback
    return AppliedVersion(
        migration.version,
        migration.name,
        migration.script.checksum,
        rollback.checksum if rollback else None,
        _NOT_YET,
        how,
    )


def write(locked: LockedRun, spec: RunSpec, declaration: Declaration) -> Ending:
    """Write a declaration as the run that works; this ends it."""
    return _write(locked, spec, declaration, catalog.take(locked.ledger.connection, scope(locked)))


def write_first(locked: LockedRun, spec: RunSpec, declaration: Declaration) -> None:
    """Write a declaration as a run of its own, before the one that works begins anything.

    Nobody looks at the schema for it: drift is told by what the last run left that did.
    """
    first = with_fields(spec, run=RunIdentity(id=uuid4()))
    _write(locked, first, declaration, None)


def _write(
    locked: LockedRun, spec: RunSpec, declaration: Declaration, now: Fingerprint | None
) -> Ending:
    def record() -> None:
        digest = catalog.keep(locked.ledger, now) if now else None
        runs.start(locked.ledger, spec, plan_digest=None, fingerprint=digest)
        for declared in declaration.versions:
            declared.write(locked.ledger, spec)

    verdict = Verdict(
        outcome=Outcome.SUCCEEDED, reason=Reason.SUCCEEDED, message=declaration.message
    )
    entries = [_entry(spec, declared) for declared in declaration.versions]
    return finish(locked, spec.run, verdict, after=now, entries=entries, record=record)


def _entry(spec: RunSpec, declared: Declared) -> log.Entry:
    return log.Entry(
        event=declared.event,
        run_id=spec.run.id,
        attempt=spec.run.attempt,
        version=declared.version,
        script=declared.file,
        message=declared.message,
    )
