"""The way forward: pending files in order, the first failure ends it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from meshmigrate.domain.errors import Failure, LockTimeout, MigrationError
from meshmigrate.domain.script import Migration
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.ending import LockedRun
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.executor import Work
from meshmigrate.engine.ledger import history, log
from meshmigrate.engine.prepared import PreparedMigration, PreparedScript
from meshmigrate.engine.run_file import run_file


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
    """Apply the pending files, each in its transaction; the final checks run in the last one's.

    So a final check that fails undoes the last file by itself.

    Raises
    ------
    Interruption
        The connection was lost, or somebody asked to stop.
    """
    deadline = locked.deadlines.forward
    for index, prepared in enumerate(pending):
        is_last = index == len(pending) - 1
        checks = prepared.checks + (final_checks if is_last else ())
        locked.events(
            _event(EventName.APPLYING, prepared.migration, index, len(pending), "applying")
        )
        try:
            run_file(
                locked.executor,
                locked.identity.id,
                "up",
                Work(prepared.migration.version, prepared.script, checks),
                partial(_record, locked, prepared.migration),
                deadline=deadline,
                lock_deadline=partial(
                    Deadline,
                    locked.clock,
                    locked.policy.lock.table_lock_deadline_seconds,
                    name="tableLockDeadlineSeconds",
                ),
            )
        except (Failure, LockTimeout) as error:
            return Stumble(prepared.migration, error)
        locked.events(
            _event(EventName.APPLIED, prepared.migration, index + 1, len(pending), "applied")
        )
    return None


def _record(locked: LockedRun, migration: Migration) -> None:
    history.add(locked.ledger, migration, locked.identity.id)
    log.append(
        locked.ledger,
        log.Entry(
            event=log.APPLIED,
            run_id=locked.identity.id,
            attempt=locked.identity.attempt,
            version=str(migration.version),
            script=migration.script.file,
            timed=True,
        ),
    )


def _event(name: EventName, migration: Migration, done: int, total: int, word: str) -> Event:
    return Event(
        name=name,
        message=f"{word} {migration.version} {migration.name}",
        version=str(migration.version),
        file=migration.script.file,
        done=done,
        total=total,
    )
