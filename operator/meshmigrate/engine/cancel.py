"""Cancelling a run: it is taken back wherever it stands, and never executed afterwards."""

from typing import Final

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import FailureDetail
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine import begun, kept, session
from meshmigrate.engine.ending import Ending, LockedRun, Verdict, failure_detail, finish
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import count, names
from meshmigrate.engine.ledger import history, journal, log, runs
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.turning_points import PartialFile, TakenBack, TurningPoint
from meshmigrate.engine.proof import compare
from meshmigrate.engine.reckoning import (
    changing,
    needs_decision,
    settle_unfinished,
    text_of,
    unknown,
)
from meshmigrate.engine.reversal import find_losses, find_obstacle, forget_steps, name_standing
from meshmigrate.engine.undo import NEVER_AGAIN, go_back

_STANDING: Final = (
    "What is applied stays until you decide: a new run goes on from there, and a new migration "
    "can lead back."
)


def cancel_unknown(locked: LockedRun, spec: RunSpec) -> Ending:
    """End a run that the ledger does not know, so that nobody executes it later."""

    def record() -> None:
        runs.start(locked.ledger, spec, plan_digest=None, fingerprint=None)

    verdict = Verdict(
        outcome=Outcome.CANCELLED,
        reason=Reason.CANCELLED,
        message=f"{_by(spec)} before it began: nothing had been applied; {NEVER_AGAIN}",
    )
    return finish(locked, spec.run, verdict, after=None, record=record)


def cancel(locked: LockedRun, run: Run, spec: RunSpec) -> Ending:
    """Turn a run back that is on its way forward, and end it where it began.

    Raises
    ------
    Interruption
        The connection was lost, or somebody asked to stop: the next attempt goes on.
    MigrationError
        A step that was left open cannot be settled.
    """
    ledger, who = locked.ledger, _by(spec)
    locked.events(
        Event(name=EventName.CANCELLING, message=f"{who} on its way forward", warning=True)
    )
    settle_unfinished(locked.executor, journal.unfinished(ledger, run.id), locked.deadlines.back)
    standing = history.of_run(ledger, run.id)
    for step in journal.unfinished(ledger, run.id):
        script = text_of(ledger, step)
        if needs_decision(step, script):
            return _halt(locked, standing, who, "as a person has to look", unknown(step, script))
    part = _part(locked, run)
    if part is None and not _has_done_anything(locked, run):
        return _nothing_to_take_back(locked, run, who)
    migration = (
        next(migration for _, migration in kept.migrations(locked, [part])) if part else None
    )
    obstacle = find_obstacle(locked, migration, standing)
    if obstacle is not None:
        why, reason = obstacle
        return _halt(locked, standing, who, why, None, reason=reason, part=part)
    detail = FailureDetail(message=who, data_not_restored=find_losses(locked, migration))
    turned = TurningPoint(
        reason=Reason.CANCELLED,
        write_back=locked.ledger.write_back,
        detail=detail,
        partial=_partial(part),
        versions=tuple(map(TakenBack.of, standing)),
    )
    with session.transaction(ledger.connection):
        locked.lease.guard()
        runs.turn_back(ledger, run.id, turned)
        entry = log.Entry(
            event=log.CANCELLING, run_id=run.id, attempt=locked.identity.attempt, message=who
        )
        log.append(ledger, entry)
    return go_back(locked, runs.get(ledger, run.id), turned)


def _by(spec: RunSpec) -> str:
    actor = spec.provenance.actor
    return f"cancelled by {actor}" if actor else "cancelled"


def _part(locked: LockedRun, run: Run) -> AppliedVersion | None:
    """Give the file of which steps stand that change anything."""
    part = begun.find(locked.ledger, run.id)
    if part is None:
        return None
    steps = changing(locked.ledger, journal.read(locked.ledger, part.version, "up"))
    if any(step.run_id == run.id for step in steps):
        return part
    if not steps:
        forget_steps(locked, part.version)
    return None


def _partial(part: AppliedVersion | None) -> PartialFile | None:
    if part is None or part.rollback_checksum is None:
        return None
    return PartialFile(
        version=str(part.version),
        name=part.name,
        checksum=part.checksum,
        rollback_checksum=part.rollback_checksum,
    )


def _has_done_anything(locked: LockedRun, run: Run) -> bool:
    events = (log.APPLIED, log.STEPS_BEGUN)
    return any(log.versions(locked.ledger, run.id, event) for event in events)


def _nothing_to_take_back(locked: LockedRun, run: Run, who: str) -> Ending:
    """End a run none of whose transactions was committed: what differs is not its doing."""
    before = catalog.load(locked.ledger, str(run.fingerprint_before))
    after, others = compare(locked, before)
    state = (
        f"{count(others)} not as before the run, which has not changed them: {names(others)}"
        if others
        else "the database is as it was"
    )
    verdict = Verdict(
        outcome=Outcome.CANCELLED,
        reason=Reason.CONCURRENT_CHANGE if others else Reason.CANCELLED,
        message=f"{who}: nothing had been applied, {state}; {NEVER_AGAIN}",
        differences=tuple(map(str, others)),
    )
    return finish(locked, locked.identity, verdict, after=after)


def _halt(
    locked: LockedRun,
    standing: tuple[AppliedVersion, ...],
    who: str,
    why: str,
    error: MigrationError | None,
    *,
    reason: Reason | None = None,
    part: AppliedVersion | None = None,
) -> Ending:
    steps = journal.read(locked.ledger, part.version, "up") if part else []
    left = name_standing(standing, part.version if part else None, steps)
    message = f"{who}, but not taken back, {why}; still applied: {left or 'nothing'}"
    failure = (
        failure_detail(error) if error else FailureDetail(message=f"{who}: {why}", hint=_STANDING)
    )
    verdict = Verdict(
        outcome=Outcome.HALTED,
        reason=reason or (error.reason if error else Reason.CANCELLED),
        message=message,
        failure=failure,
    )
    after = catalog.take(locked.ledger.connection, locked.policy.fingerprint)
    return finish(locked, locked.identity, verdict, after=after)
