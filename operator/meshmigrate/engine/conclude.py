"""What follows when the way forward has ended: success, or what the policy says on failure."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace as with_fields

from meshmigrate.domain.errors import LockTimeout, MigrationError
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.engine import session
from meshmigrate.engine.ending import (
    Ending,
    LockedRun,
    Verdict,
    failure_detail,
    finish,
    rollback_ready,
)
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.forward import Stumble
from meshmigrate.engine.ledger import history, journal, log, runs
from meshmigrate.engine.ledger.journal import Step
from meshmigrate.engine.ledger.turning_points import PartialFile, TakenBack, TurningPoint
from meshmigrate.engine.reckoning import changing
from meshmigrate.engine.reversal import (
    find_losses,
    find_obstacle,
    forget_steps,
    name_standing,
)
from meshmigrate.engine.script_end import is_committed
from meshmigrate.engine.undo import go_back

_GO_ON: Final = (
    "Correct the file that failed and run again: what is applied stays, the rest follows."
)


def succeed(locked: LockedRun) -> Ending:
    """End a run that has applied everything."""
    count = len(history.of_run(locked.ledger, locked.identity.id))
    verdict = Verdict(
        outcome=Outcome.SUCCEEDED,
        reason=Reason.SUCCEEDED,
        message=f"applied {count} {'version' if count == 1 else 'versions'}",
    )
    after = catalog.take(locked.ledger.connection, locked.policy.fingerprint)
    return finish(locked, locked.identity, verdict, after=after)


def stumble(locked: LockedRun, stumbled: Stumble) -> Ending:
    """Do what the policy says about a file that failed.

    Raises
    ------
    LockTimeout
        If only a table lock was missing and nothing has been applied: worth another attempt.
    Interruption
        The connection was lost, or somebody asked to stop.
    """
    error, version = stumbled.error, stumbled.migration.version
    locked.events(
        Event(name=EventName.FAILED, message=str(error), warning=True, version=str(version))
    )
    standing = history.of_run(locked.ledger, locked.identity.id)
    steps = changing(locked.ledger, journal.read(locked.ledger, version, "up"))
    mine = any(step.run_id == locked.identity.id for step in steps)
    if _has_to_be_looked_at(error):
        return _halt(locked, stumbled, standing, steps, why="as a person has to look")
    if not (standing or mine) and isinstance(error, LockTimeout):
        raise error
    if not steps:
        forget_steps(locked, version)
    if not standing and not mine:
        return _end(
            locked,
            stumbled,
            outcome=Outcome.FAILED,
            reason=error.reason,
            consequence="nothing had been applied, the database is as it was",
        )
    if locked.policy.on_failure == "Halt":
        return _halt(locked, stumbled, standing, steps, why="as onFailure is Halt")
    obstacle = find_obstacle(locked, stumbled.migration if mine else None, standing)
    if obstacle is not None:
        why, reason = obstacle
        return _halt(locked, stumbled, standing, steps, why=why, reason=reason)
    return _turn_back(locked, stumbled, partial=mine)


def _halt(
    locked: LockedRun,
    stumbled: Stumble,
    standing: tuple[AppliedVersion, ...],
    steps: Sequence[Step],
    *,
    why: str,
    reason: Reason | None = None,
) -> Ending:
    unrecorded = is_committed(stumbled.error)
    left = name_standing(standing, stumbled.migration.version, steps, unrecorded=unrecorded)
    return _end(
        locked,
        stumbled,
        outcome=Outcome.HALTED,
        reason=reason or stumbled.error.reason,
        consequence=f"still applied, {why}: {left}",
    )


def _turn_back(locked: LockedRun, stumbled: Stumble, *, partial: bool) -> Ending:
    migration = stumbled.migration
    rollback = migration.rollback if partial else None
    detail = failure_detail(stumbled.error, migration.version)
    why = TurningPoint(
        reason=stumbled.error.reason,
        write_back=locked.ledger.write_back,
        detail=with_fields(
            detail, data_not_restored=find_losses(locked, migration if partial else None)
        ),
        partial=None
        if rollback is None
        else PartialFile(
            version=str(migration.version),
            name=migration.name,
            checksum=migration.script.checksum,
            rollback_checksum=rollback.checksum,
        ),
        rollback_ready=rollback_ready(locked.course) if locked.course else None,
        versions=tuple(map(TakenBack.of, history.of_run(locked.ledger, locked.identity.id))),
    )
    with session.transaction(locked.ledger.connection):
        locked.lease.guard()
        if rollback is not None:
            history.keep(locked.ledger, rollback)
        runs.turn_back(locked.ledger, locked.identity.id, why)
        log.append(locked.ledger, _entry(locked, stumbled))
    return go_back(locked, runs.get(locked.ledger, locked.identity.id), why)


def _end(
    locked: LockedRun, stumbled: Stumble, *, outcome: Outcome, reason: Reason, consequence: str
) -> Ending:
    error, version = stumbled.error, stumbled.migration.version
    # The way on from a halt is not the way out of the error alone, unless a person has to look.
    halted = outcome is Outcome.HALTED and not _has_to_be_looked_at(error)
    hint = {"hint": _GO_ON} if halted else {}
    verdict = Verdict(
        outcome=outcome,
        reason=reason,
        message=f"version {version} failed: {error.message}; {consequence}",
        failure=with_fields(failure_detail(error, version), **hint),
    )
    after = catalog.take(locked.ledger.connection, locked.policy.fingerprint)
    entries = [_entry(locked, stumbled)]
    return finish(locked, locked.identity, verdict, after=after, entries=entries)


def _has_to_be_looked_at(error: MigrationError) -> bool:
    """Tell whether nobody but a person can say what is there of the file that failed."""
    return error.reason is Reason.STEP_UNKNOWN or is_committed(error)


def _entry(locked: LockedRun, stumbled: Stumble) -> log.Entry:
    return log.of_error(
        "Failed",
        locked.identity,
        stumbled.error,
        outcome=Outcome.FAILED,
        version=stumbled.migration.version,
        script=stumbled.migration.script.file,
    )
