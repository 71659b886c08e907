"""How a run divides its files into transactions, decided before its first statement."""

from collections.abc import Sequence

from meshmigrate.domain.mode import Choice, Course, choose_mode, set_course
from meshmigrate.domain.plan import Plan
from meshmigrate.domain.runspec import Policy, RunSpec
from meshmigrate.domain.way_back import Pending
from meshmigrate.engine import drift, kept, session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.ending import LockedRun, rollback_ready
from meshmigrate.engine.events import Event, EventName, Events
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.hazards import logged, look_for_hazards, told
from meshmigrate.engine.ledger import history, journal, log, proofs, runs
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.prepared import PreparedMigration


def choose_course(
    prepared: Sequence[PreparedMigration],
    policy: Policy,
    connection: Connection,
    ledger: Ledger | None,
) -> Course:
    """Choose the transaction mode of a run that begins, and say what it does and how it goes back.

    Raises
    ------
    Refusal
        ``BatchImpossible`` or ``HazardNotAllowed``.
    """
    pending = _pending(prepared, ledger)
    choice = choose_mode(policy.transaction_mode, pending, policy.on_failure)
    hazards = look_for_hazards(connection, pending, policy.hazards)
    return set_course(choice, pending)._replace(hazards=hazards)


def start_course(locked: LockedRun, spec: RunSpec, plan: Plan, course: Course) -> None:
    """Commit what the run sets out to do, and the schema it found, before it begins.

    Raises
    ------
    Refusal
        ``Drift``, if the policy says so.
    """
    ledger = locked.ledger
    before = catalog.take(ledger.connection, spec.policy.fingerprint)
    drift.tell_missing(locked, before)
    drifted = drift.find(locked, before)
    with session.transaction(ledger.connection):
        locked.lease.guard()
        digest, mode = catalog.keep(ledger, before), course.choice.mode
        runs.start(ledger, spec, plan_digest=plan.digest, fingerprint=digest, mode=mode)
        log.append(
            ledger,
            log.Entry(
                event=log.STARTED,
                run_id=spec.run.id,
                attempt=spec.run.attempt,
                message=str(course),
            ),
        )
        for entry in logged(course.hazards, spec.run.id, spec.run.attempt):
            log.append(ledger, entry)
        if drifted:
            log.append(ledger, drifted)


def count_attempt(locked: LockedRun, run: Run, attempt: int) -> int:
    """Record another attempt of a run, and give its number: higher than any before."""
    with session.transaction(locked.ledger.connection):
        locked.lease.guard()
        number = runs.resume(locked.ledger, run.id, attempt)
        log.append(locked.ledger, log.Entry(event="Resumed", run_id=run.id, attempt=number))
    return number


def resume_course(locked: LockedRun, run: Run, prepared: Sequence[PreparedMigration]) -> Course:
    """Go on in the mode in which a run began."""
    choice = Choice(run.transaction_mode or "PerFile", "the run began so")
    rows = reversed(history.of_run(locked.ledger, run.id))
    return set_course(choice, [*kept.files(locked, rows), *_pending(prepared, locked.ledger)])


def tell_course(course: Course, events: Events) -> None:
    """Tell how a run goes forward and whether it could go back; a warning where it could not."""
    ready = rollback_ready(course)
    planned = Event(
        name=EventName.PLANNED,
        message=str(course),
        warning=not ready.ready,
        rollback_ready=ready,
    )
    for event in (planned, *told(course.hazards)):
        events(event)


def _pending(prepared: Sequence[PreparedMigration], ledger: Ledger | None) -> list[Pending]:
    if ledger is None or not prepared:
        return [each.pending(begun=False) for each in prepared]
    begun = journal.begun(ledger)
    proven = proofs.proven(ledger, (each.migration for each in prepared))
    return [
        each.pending(
            begun=str(each.migration.version) in begun, proven=each.migration.version in proven
        )
        for each in prepared
    ]
