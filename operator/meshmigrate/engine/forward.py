"""The way forward: pending files in order, the first failure ends it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from meshmigrate.domain.errors import Failure, LockTimeout, MigrationError
from meshmigrate.domain.script import Migration
from meshmigrate.engine import session
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.ending import LockedRun
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.ledger import history, journal
from meshmigrate.engine.prepared import PreparedMigration, PreparedScript
from meshmigrate.engine.rows import Rows
from meshmigrate.engine.run_file import run_file
from meshmigrate.engine.script_end import is_committed
from meshmigrate.engine.statements import flush
from meshmigrate.engine.work import Part, Work

_FILES_OF_A_MESSAGE: Final = 256


@dataclass(frozen=True, slots=True)
class Stumble:
    """The file that failed, and why; its transaction was rolled back."""

    migration: Migration
    error: MigrationError


def apply(
    locked: LockedRun,
    pending: Sequence[PreparedMigration],
    final_checks: tuple[PreparedScript, ...],
) -> Stumble | None:
    """Apply the pending files; the final checks run in the transaction of the last one.

    So a final check that fails undoes the last file by itself.

    Raises
    ------
    Interruption
        The connection was lost, or somebody asked to stop.
    """
    deadline = locked.deadlines.forward
    works = [
        Work(each.migration.version, each.script, each.checks + (final_checks if last else ()))
        for each, last in zip(pending, _lasts(len(pending)), strict=True)
    ]
    if pending:
        _keep_scripts(locked, pending)
    if pending and locked.course is not None and locked.course.choice.mode == "Batch":
        return _apply_together(locked, pending, works, deadline)
    return _apply_each(locked, pending, works, deadline)


def _keep_scripts(locked: LockedRun, pending: Sequence[PreparedMigration]) -> None:
    """Keep all scripts before the first of them runs; one that is never applied does no harm."""
    with session.transaction(locked.ledger.connection):
        locked.lease.guard()
        history.keep_all(locked.ledger, (each.migration for each in pending))
        session.commit_without_flush(locked.ledger.connection)


def _lasts(count: int) -> list[bool]:
    return [index == count - 1 for index in range(count)]


def _apply_each(
    locked: LockedRun,
    pending: Sequence[PreparedMigration],
    works: Sequence[Work],
    deadline: Deadline,
) -> Stumble | None:
    begun = journal.begun(locked.ledger)
    for index, (prepared, work) in enumerate(zip(pending, works, strict=True)):
        row = Rows(locked, prepared.migration)
        locked.events(
            _event(EventName.APPLYING, prepared.migration, index, len(pending), "applying")
        )
        try:
            run_file(
                locked.executor,
                locked.identity.id,
                "up",
                replace(work, ready=row.bind),
                row.write,
                deadline=deadline,
                lock_deadline=partial(_lock_deadline, locked),
                migration=prepared.migration,
                begun=str(prepared.migration.version) in begun,
            )
        except (Failure, LockTimeout) as error:
            return Stumble(prepared.migration, error)
        locked.events(
            _event(EventName.APPLIED, prepared.migration, index + 1, len(pending), "applied")
        )
    return None


def _apply_together(
    locked: LockedRun,
    pending: Sequence[PreparedMigration],
    works: Sequence[Work],
    deadline: Deadline,
) -> Stumble | None:
    """Apply all files in one transaction: applied is each only when all of them are."""
    reached: list[_SharedFile] = []
    files = [
        _SharedFile(locked, prepared.migration, index, len(pending), reached.append)
        for index, prepared in enumerate(pending)
    ]
    parts = [Part(work, file.begins, file.ended) for work, file in zip(works, files, strict=True)]
    try:
        locked.executor.run_together(
            parts,
            partial(_record, files),
            deadline=deadline,
            lock_deadline=_lock_deadline(locked),
        )
    except (Failure, LockTimeout) as error:
        last = reached[-1] if reached else files[0]
        if is_committed(error):
            _record_late(locked, files[: last.index])
        return Stumble(_file_of(error, pending, works, last.migration), error)
    for file in files:
        file.tell(EventName.APPLIED, "applied")
    return None


def _file_of(
    error: MigrationError,
    pending: Sequence[PreparedMigration],
    works: Sequence[Work],
    reached: Migration,
) -> Migration:
    """Give the migration that the place of an error belongs to, else the one that was reached.

    A file can be at fault before it is reached: a statement that is not tried a third time.
    """
    file = error.location.file if error.location else None
    named = (
        each.migration
        for each, work in zip(pending, works, strict=True)
        if file in {part.script.file for part in (work.script, *work.checks)}
    )
    return next(named, reached)


@dataclass(slots=True)
class _SharedFile:
    """A file that shares its transaction with others."""

    locked: LockedRun
    migration: Migration
    index: int
    total: int
    reached: Callable[["_SharedFile"], None]
    end: str = ""

    def begins(self) -> None:
        """Tell that it begins."""
        self.tell(EventName.APPLYING, "applying")
        self.reached(self)

    def ended(self, at: str) -> None:
        """Note when it ended: only then the next one began."""
        self.end = at

    def tell(self, name: EventName, word: str) -> None:
        """Tell what happens to it."""
        done = self.index + (1 if name is EventName.APPLIED else 0)
        self.locked.events(_event(name, self.migration, done, self.total, word))


def _record_late(locked: LockedRun, files: Sequence[_SharedFile]) -> None:
    """Write the rows of files that were committed without them, by the file behind them."""
    if not files:
        return
    with session.transaction(locked.ledger.connection):
        locked.lease.guard()
        _record(files, files[0].end)
    for file in files:
        file.tell(EventName.APPLIED, "applied")


def _record(files: Sequence[_SharedFile], started: str | None = None) -> None:
    """Write the rows of all files: nobody sees them before the last one has ended.

    One after the other they take the server less time than each behind its file (measured).

    Parameters
    ----------
    started
        When the first one began, if the transaction did not begin with it.
    """
    for count, file in enumerate(files, 1):
        Rows(file.locked, file.migration).write(started, file.end)
        started = file.end
        if count % _FILES_OF_A_MESSAGE == 0:
            flush(file.locked.ledger.connection)


def _lock_deadline(locked: LockedRun) -> Deadline:
    seconds = locked.policy.lock.table_lock_deadline_seconds
    return Deadline(locked.clock, seconds, name="tableLockDeadlineSeconds")


def _event(name: EventName, migration: Migration, done: int, total: int, word: str) -> Event:
    return Event(
        name=name,
        message=f"{word} {migration.version} {migration.name}",
        version=str(migration.version),
        file=migration.script.file,
        direction="up",
        done=done,
        total=total,
    )
