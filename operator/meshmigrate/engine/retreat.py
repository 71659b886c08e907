"""Going back on purpose, to a version that was current before, and proving it where it can be."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from msgspec.structs import replace as with_fields

from meshmigrate.domain.errors import Interruption, MigrationError
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import FailureDetail
from meshmigrate.domain.retreat import BEFORE_THE_FIRST, plan_retreat
from meshmigrate.domain.runspec import RunIdentity, RunSpec
from meshmigrate.domain.version import Version
from meshmigrate.engine import half_back, kept, session
from meshmigrate.engine.back_events import event, turning_back
from meshmigrate.engine.drift import scope
from meshmigrate.engine.ending import Ending, LockedRun, Verdict, failure_detail, finish
from meshmigrate.engine.events import EventName
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Difference, count, names
from meshmigrate.engine.ledger import history, journal, log, past, runs
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.turning_points import Retreat, TakenBack, TurningPoint
from meshmigrate.engine.no_return import refuse_irreversible
from meshmigrate.engine.proof import compare, listed
from meshmigrate.engine.undo import (
    RESTORE,
    go_back,
    roll_back,
    way_back_deadline,
    way_on,
)

_DIFFERS: Final = (
    "Bring the named objects back by hand, or forward again with `meshmigrate apply`; "
    "correct the rollback script before it is needed again."
)
_UNTOUCHED: Final = "none of the scripts touches it"
_GO_ON: Final = (
    "Correct the rollback script, let the history take it (`meshmigrate repair --accept VERSION`), "
    "and go back again; `meshmigrate status` shows the versions that are applied."
)


def begin_retreat(locked: LockedRun, spec: RunSpec, target: Version, digest: str | None) -> Run:
    """Commit where a run goes back to, and how that will be proven, before it begins.

    Parameters
    ----------
    digest
        What identifies the plan, where there was one.

    Raises
    ------
    Refusal
        ``UnknownTarget``, ``RollbackIncomplete``, ``NoRollbackScript`` or ``Irreversible``: nothing
        has been taken back.
    """
    ledger = locked.ledger
    rows = history.read(ledger)
    leaving = plan_retreat(rows, target)
    half_back.refuse(ledger, leaving)
    refuse_irreversible(ledger, leaving, target)
    proof = past.last_seen(ledger, [row for row in rows if row not in leaving])
    lost = kept.discarded(locked, tuple(reversed(leaving)))
    before = catalog.take(ledger.connection, scope(locked))
    with session.transaction(ledger.connection):
        locked.lease.guard()
        runs.start(
            ledger,
            spec,
            plan_digest=digest,
            fingerprint=catalog.keep(ledger, before),
            retreat=Retreat(
                target=str(target),
                proof=proof,
                data_not_restored=lost,
                write_back=ledger.write_back,
                versions=tuple(map(TakenBack.of, leaving)),
            ),
        )
        entry = log.Entry(event=log.STARTED, run_id=spec.run.id, attempt=spec.run.attempt)
        log.append(ledger, entry)
    return runs.get(ledger, spec.run.id)


def finish_way_back(locked: LockedRun, run: Run) -> Ending:
    """Bring a run that is on its way back to its end, for whatever reason it went back.

    Raises
    ------
    Interruption
        The connection was lost, or somebody asked to stop: whoever comes next goes on.
    """
    if run.way_back is not None and run.way_back.write_back:
        # Whoever finishes it may not have been asked for that.
        locked = replace(locked, ledger=replace(locked.ledger, write_back=True))
    match run.way_back:
        case TurningPoint() as why:
            return go_back(locked, run, why)
        case Retreat() as asked:
            return _go(locked, RunIdentity(id=run.id, attempt=run.attempt), asked)
    raise RuntimeError(f"run {run.id} is not on its way back")


def _go(locked: LockedRun, identity: RunIdentity, asked: Retreat) -> Ending:
    deadline = way_back_deadline(locked, identity)
    rows = plan_retreat(history.read(locked.ledger), Version(asked.target))
    locked.events(turning_back(f"the target is {asked.target}", len(rows)))
    for index, row in enumerate(rows):
        locked.events(event(EventName.ROLLING_BACK, row, index, len(rows), "rolling back"))
        try:
            roll_back(locked, identity, row, deadline)
        except Interruption:
            raise
        except MigrationError as error:
            return _failed(locked, identity, row, error)
        locked.events(event(EventName.ROLLED_BACK, row, index + 1, len(rows), "rolled back"))
    return _prove(locked, identity, asked)


def _prove(locked: LockedRun, identity: RunIdentity, asked: Retreat) -> Ending:
    from meshmigrate.engine.bystanders import bystanders  # noqa: PLC0415  needs the parser: 40 ms

    gone = log.versions(locked.ledger, identity.id, log.ROLLED_BACK)
    where = (
        "before the first version"
        if Version(asked.target) == BEFORE_THE_FIRST
        else f"at version {asked.target}"
    )
    arrived = f"took back {len(gone)} {'version' if len(gone) == 1 else 'versions'}"
    if asked.proof is None:
        after = catalog.take(locked.ledger.connection, scope(locked))
        unproven = (
            f"{arrived}; not proven: no run began or ended {where}, so nobody recorded the schema "
            "there"
        )
        return finish(locked, identity, _arrived(asked, Reason.UNPROVEN, unproven), after=after)
    proof = catalog.load(locked.ledger, asked.proof)
    after, differences = compare(locked, proof)
    rows = [each.row for each in asked.versions]
    others = bystanders(locked, rows, proof, after) if differences else ()
    if not differences:
        message = f"{arrived}; the schema is as it was when the database last was {where}"
        verdict = _arrived(asked, Reason.SUCCEEDED, message)
    elif len(others) == len(differences):
        message = (
            f"{arrived}; {count(others)} not as when the database last was {where} that none of "
            f"their scripts touches: {names(others)}"
        )
        verdict = _arrived(asked, Reason.CONCURRENT_CHANGE, message, others)
    else:
        own = tuple(difference for difference in differences if difference not in others)
        verdict = Verdict(
            outcome=Outcome.ROLLBACK_FAILED,
            reason=Reason.FINGERPRINT_MISMATCH,
            message=f"{arrived}; every rollback script ran, but {count(own)} not as when "
            f"the database last was {where}: {names(own)}",
            failure=FailureDetail(
                message=f"the schema is not as it was {where}",
                hint=_DIFFERS,
                data_not_restored=asked.data_not_restored,
            ),
            differences=(*map(str, own), *(f"{it} ({_UNTOUCHED})" for it in others)),
        )
    return finish(locked, identity, verdict, after=after)


def _arrived(
    asked: Retreat, reason: Reason, message: str, others: Sequence[Difference] = ()
) -> Verdict:
    """Give the verdict on a way back that arrived, with the data that it did not bring back."""
    lost = asked.data_not_restored
    detail = FailureDetail(
        message="not all of the data is as it was", hint=RESTORE, data_not_restored=lost
    )
    return Verdict(
        outcome=Outcome.SUCCEEDED,
        reason=Reason.DATA_NOT_RESTORED if lost else reason,
        message=f"{message}; not restored is data: {listed(lost)}" if lost else message,
        failure=detail if lost else None,
        differences=tuple(map(str, others)),
    )


def _failed(
    locked: LockedRun, identity: RunIdentity, row: AppliedVersion, error: MigrationError
) -> Ending:
    """End where a rollback script failed: its own transaction is undone, those before it stand."""
    after = catalog.take(locked.ledger.connection, scope(locked))
    gone = list(log.versions(locked.ledger, identity.id, log.ROLLED_BACK))
    if journal.read(locked.ledger, row.version, "down"):
        gone.append(f"steps of {row.version}")
    consequence = f"taken back before that: {', '.join(gone)}" if gone else "nothing was taken back"
    verdict = Verdict(
        outcome=Outcome.ROLLBACK_FAILED if gone else Outcome.FAILED,
        reason=error.reason,
        message=f"the rollback script of version {row.version} failed: {error.message}; "
        f"{consequence}",
        failure=with_fields(failure_detail(error, row.version), hint=way_on(error, _GO_ON)),
    )
    entry = log.of_error("Failed", identity, error, outcome=verdict.outcome, version=row.version)
    return finish(locked, identity, verdict, after=after, entries=[entry])
