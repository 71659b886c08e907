"""What follows when the way forward has ended: success, or what the policy says on failure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from msgspec.structs import replace as with_fields

from meshmigrate.domain.errors import LockTimeout
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Migration
from meshmigrate.domain.version import Version
from meshmigrate.domain.way_back import Pending, Way, WayBack, ways_back
from meshmigrate.engine import session
from meshmigrate.engine.course import applied_files
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
from meshmigrate.engine.ledger.runs import PartialFile, TurningPoint
from meshmigrate.engine.no_return import irreversible
from meshmigrate.engine.prepared import PreparedMigration, prepare_migration
from meshmigrate.engine.reckoning import changing, group_end
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
    if error.reason is Reason.STEP_UNKNOWN:
        return _halt(locked, stumbled, standing, steps, why="as a person has to look")
    if not (standing or mine) and isinstance(error, LockTimeout):
        raise error
    if not steps:
        _forget_steps(locked, version)
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
    obstacle = _obstacle(locked, stumbled.migration if mine else None, standing)
    if obstacle is not None:
        why, reason = obstacle
        return _halt(locked, stumbled, standing, steps, why=why, reason=reason)
    return _turn_back(locked, stumbled, partial=mine)


def _forget_steps(locked: LockedRun, version: Version) -> None:
    """Let the file begin anew: what is done of it changed nothing, such as VACUUM."""
    with session.transaction(locked.ledger.connection):
        locked.lease.guard()
        journal.forget_done(locked.ledger, version)


def _halt(
    locked: LockedRun,
    stumbled: Stumble,
    standing: tuple[AppliedVersion, ...],
    steps: Sequence[Step],
    *,
    why: str,
    reason: Reason | None = None,
) -> Ending:
    applied = ", ".join(str(row.version) for row in reversed(standing))
    done = f"of version {stumbled.migration.version} " + ", ".join(map(str, steps)) if steps else ""
    return _end(
        locked,
        stumbled,
        outcome=Outcome.HALTED,
        reason=reason or stumbled.error.reason,
        consequence=f"still applied, {why}: {'; '.join(filter(None, (applied, done)))}",
    )


def _obstacle(
    locked: LockedRun, partial: Migration | None, standing: tuple[AppliedVersion, ...]
) -> tuple[str, Reason | None] | None:
    """Say why a run cannot go back; None if it can."""
    without = [row.version for row in standing if row.rollback_checksum is None]
    if partial is not None and partial.rollback is None:
        without.insert(0, partial.version)
    if without:
        named = ", ".join(map(str, without))
        return f"as there is no rollback script for {named}", Reason.NO_ROLLBACK_SCRIPT
    final = irreversible(locked.ledger, partial, standing)
    if final:
        return f"as {final}", Reason.IRREVERSIBLE
    for back in _ways_back(locked, partial):
        if back.way is Way.IRREVERSIBLE:
            return f"as version {back.version} is irreversible: {back.why}", Reason.IRREVERSIBLE
    shared = changing(locked.ledger, journal.shared(locked.ledger, locked.identity.id))
    others = ", ".join(dict.fromkeys(step.version for step in shared))
    return (f"as an earlier run did a part of {others}", None) if others else None


def _turn_back(locked: LockedRun, stumbled: Stumble, *, partial: bool) -> Ending:
    migration = stumbled.migration
    rollback = migration.rollback if partial else None
    detail = failure_detail(stumbled.error, migration.version)
    why = TurningPoint(
        reason=stumbled.error.reason,
        detail=with_fields(detail, data_not_restored=_lost(locked, migration if partial else None)),
        partial=None
        if rollback is None
        else PartialFile(
            version=str(migration.version),
            name=migration.name,
            checksum=migration.script.checksum,
            rollback_checksum=rollback.checksum,
        ),
        rollback_ready=rollback_ready(locked.course) if locked.course else None,
    )
    with session.transaction(locked.ledger.connection):
        locked.lease.guard()
        if rollback is not None:
            history.keep(locked.ledger, rollback)
        runs.turn_back(locked.ledger, locked.identity.id, why)
        log.append(locked.ledger, _entry(locked, stumbled))
    return go_back(locked, runs.get(locked.ledger, locked.identity.id), why)


def _lost(locked: LockedRun, partial: Migration | None) -> tuple[str, ...]:
    """Name the data that the rollback scripts will not bring back, version by version."""
    ways = _ways_back(locked, partial)
    return tuple(f"version {back.version}: {text}" for back in ways for text in back.losses)


def _ways_back(locked: LockedRun, partial: Migration | None) -> list[WayBack]:
    """Say how what the run has applied is taken back, read from its files as at its start."""
    files = applied_files(locked)
    if partial is not None:
        steps = journal.read(locked.ledger, partial.version, "up")
        files.append(_done_part(prepare_migration(partial), steps))
    return ways_back(files)


def _done_part(prepared: PreparedMigration, steps: Sequence[Step]) -> Pending:
    """Give a file that failed after some of its steps, without the statements it did not reach."""
    statements = prepared.script.statements
    end = max((group_end(prepared.script, step.ordinal - 1) for step in steps), default=0)
    return replace(prepared.pending(begun=True), statements=statements[:end])


def _end(
    locked: LockedRun, stumbled: Stumble, *, outcome: Outcome, reason: Reason, consequence: str
) -> Ending:
    error, version = stumbled.error, stumbled.migration.version
    # The way on from a halt is not the way out of the error alone, unless a person has to look.
    halted = outcome is Outcome.HALTED and error.reason is not Reason.STEP_UNKNOWN
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


def _entry(locked: LockedRun, stumbled: Stumble) -> log.Entry:
    error = stumbled.error
    return log.Entry(
        event="Failed",
        run_id=locked.identity.id,
        attempt=locked.identity.attempt,
        version=str(stumbled.migration.version),
        script=stumbled.migration.script.file,
        outcome=Outcome.FAILED,
        error_code=error.sqlstate or error.reason,
        message=str(error),
    )
