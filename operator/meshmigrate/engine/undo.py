"""The way back: what a run applied is taken back by its own scripts, and the result is proven."""

from collections.abc import Iterator, Sequence
from typing import Final
from uuid import UUID

from msgspec.structs import replace as with_fields

from meshmigrate.domain.errors import Failure, Interruption, MigrationError
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import FailureDetail
from meshmigrate.domain.runspec import RunIdentity
from meshmigrate.domain.version import Version
from meshmigrate.engine import half_back
from meshmigrate.engine.back_events import event, turning_back
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.ending import Ending, LockedRun, Verdict, failure_detail, finish
from meshmigrate.engine.events import EventName
from meshmigrate.engine.fingerprint import catalog
from meshmigrate.engine.fingerprint.compare import Fingerprint, count, names
from meshmigrate.engine.ledger import history, journal, log
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.turning_points import TurningPoint
from meshmigrate.engine.prepared import prepare_script
from meshmigrate.engine.proof import compare, listed
from meshmigrate.engine.run_file import run_file
from meshmigrate.engine.work import Work

_UNTOUCHED: Final = "no script of this run touches it"
_TELLING: Final = {Reason.DEADLINE_EXCEEDED, Reason.STEP_UNKNOWN}
_REPAIR: Final = (
    "Bring the named objects back by hand (`meshmigrate log` lists them all), "
    "correct the rollback script, and run again."
)
NEVER_AGAIN: Final = "this run is not executed any more: a new run applies the files"
RESTORE: Final = (
    "See whether that data is missed: its rollback script may have kept it, a backup or a "
    "point-in-time recovery to wal_position in the ledger's table run has it."
)
_REPAIR_VERSION: Final = (
    "Correct the database by hand, with the history in mind: it still has the versions named here."
)


def go_back(locked: LockedRun, run: Run, why: TurningPoint) -> Ending:
    """Roll back what a run applied and still stands, the last version first, and end the run.

    The scripts are the ledger's copies, so a source that was lost or reverted since is enough.

    Raises
    ------
    Interruption
        The connection was lost, or somebody asked to stop: the next attempt goes on.
    """
    identity = RunIdentity(id=run.id, attempt=run.attempt)
    deadline = way_back_deadline(locked, identity)
    before = catalog.load(locked.ledger, str(run.fingerprint_before))
    part = [row for row in _partial(run.id, why) if journal.read(locked.ledger, row.version, "up")]
    rows = [*part, *history.of_run(locked.ledger, run.id)]
    cause = _cause(why, brief=True)
    locked.events(turning_back(cause, len(rows), cause=_cause(why)))
    for index, row in enumerate(rows):
        locked.events(event(EventName.ROLLING_BACK, row, index, len(rows), "rolling back"))
        try:
            roll_back(locked, identity, row, deadline)
        except Interruption:
            raise
        except MigrationError as error:
            return _failed(locked, identity, row, error=error, before=before, why=why)
        locked.events(event(EventName.ROLLED_BACK, row, index + 1, len(rows), "rolled back"))
    return _prove(locked, identity, before, why)


def way_back_deadline(locked: LockedRun, identity: RunIdentity) -> Deadline:
    """Give the attempt's own; the way back of another run does not use that up."""
    if identity.id == locked.identity.id:
        return locked.deadlines.back
    seconds = locked.policy.rollback_deadline_seconds
    return Deadline(locked.clock, seconds, name="rollbackDeadlineSeconds")


def _partial(run_id: UUID, why: TurningPoint) -> Iterator[AppliedVersion]:
    """Give the file that failed after some of its steps."""
    part = why.partial
    if part is not None:
        version, checksums = Version(part.version), (part.checksum, part.rollback_checksum)
        yield AppliedVersion(version, part.name, *checksums, run_id, "applied")


def roll_back(
    locked: LockedRun, identity: RunIdentity, row: AppliedVersion, deadline: Deadline
) -> None:
    """Run the rollback script of a version, its rows in the ledger with it.

    Raises
    ------
    MigrationError
        ``NoRollbackScript``, or whatever the script did wrong.
    """
    script = history.rollback_script(locked.ledger, row)
    if script is None:
        raise Failure(
            Reason.NO_ROLLBACK_SCRIPT,
            f"version {row.version} has no rollback script",
            hint="Write a new migration that leads on from the state as it is.",
        )

    def record() -> None:
        whole = history.remove(locked.ledger, row)
        journal.clear(locked.ledger, row.version)
        log.append(
            locked.ledger,
            log.Entry(
                event=log.ROLLED_BACK if whole else log.STEPS_ROLLED_BACK,
                run_id=identity.id,
                attempt=identity.attempt,
                version=str(row.version),
                script=script.file,
                timed=True,
            ),
        )

    work = Work(row.version, prepare_script(script))
    # Getting back matters more than a quick answer: locks are tried for until the end.
    run_file(
        locked.executor,
        identity.id,
        "down",
        work,
        record,
        deadline=deadline,
        lock_deadline=lambda: deadline,
    )


def _prove(
    locked: LockedRun,
    identity: RunIdentity,
    before: Fingerprint,
    why: TurningPoint,
) -> Ending:
    from meshmigrate.engine.bystanders import bystanders  # noqa: PLC0415  needs the parser: 40 ms

    after, differences = compare(locked, before)
    rows = [*_partial(identity.id, why), *(each.row for each in why.versions)]
    others = bystanders(locked, rows, before, after) if differences else ()
    lost = why.detail.data_not_restored
    if len(others) == len(differences):
        message = (
            f"what this run did is taken back, and {count(others)} not as before the run that "
            f"none of its scripts touches: {names(others)}"
            if others
            else "the schema is as it was before the run"
        )
        but = f", but not the data: {listed(lost)}" if lost else ""
        reason = Reason.CONCURRENT_CHANGE if others else why.reason
        verdict = Verdict(
            outcome=Outcome.CANCELLED if why.cancelled else Outcome.ROLLED_BACK,
            reason=Reason.DATA_NOT_RESTORED if lost else reason,
            message=f"{_cause(why)}; {message}{but}{f'; {NEVER_AGAIN}' if why.cancelled else ''}",
            failure=_detail(why, lost),
            differences=tuple(map(str, others)),
        )
    else:
        own = tuple(difference for difference in differences if difference not in others)
        verdict = Verdict(
            outcome=Outcome.ROLLBACK_FAILED,
            reason=Reason.FINGERPRINT_MISMATCH,
            message=f"{_cause(why)}; every rollback script ran, but {count(own)} not as before "
            f"the run: {names(own)}",
            failure=with_fields(why.detail, hint=_REPAIR),
            differences=(*map(str, own), *(f"{it} ({_UNTOUCHED})" for it in others)),
        )
    return finish(locked, identity, verdict, after=after)


def _failed(
    locked: LockedRun,
    identity: RunIdentity,
    row: AppliedVersion,
    *,
    error: MigrationError,
    before: Fingerprint,
    why: TurningPoint,
) -> Ending:
    after, differences = compare(locked, before)
    standing = [str(left.version) for left in reversed(history.of_run(locked.ledger, identity.id))]
    if str(row.version) not in standing:
        standing.append(f"steps of {row.version}")
    reason = Reason.ROLLBACK_SCRIPT_FAILED
    verdict = Verdict(
        outcome=Outcome.ROLLBACK_FAILED,
        reason=error.reason if error.reason in _TELLING else reason,
        message=f"{_cause(why, brief=True)}, and then the rollback script of version "
        f"{row.version} failed: {error.message}; still applied by this run: "
        f"{', '.join(standing)}",
        failure=with_fields(
            failure_detail(error, row.version), hint=way_on(error, _by_hand(locked, row))
        ),
        differences=tuple(map(str, differences)),
    )
    entry = log.of_error(
        "RollbackFailed", identity, error, outcome=verdict.outcome, version=row.version
    )
    return finish(locked, identity, verdict, after=after, entries=[entry])


def _by_hand(locked: LockedRun, row: AppliedVersion) -> str:
    done = journal.read(locked.ledger, row.version, "down")
    return half_back.way_on(row.version, len(done)) if done else _REPAIR_VERSION


def _cause(why: TurningPoint, *, brief: bool = False) -> str:
    """Say why the run went back."""
    if why.cancelled:
        return why.detail.message
    failed = f"version {why.detail.version} failed"
    return failed if brief else f"{failed}: {why.detail.message}"


def _detail(why: TurningPoint, lost: Sequence[str]) -> FailureDetail | None:
    """Give what the result has to say beside the message: of a cancelled run only what is lost."""
    if lost:
        return with_fields(why.detail, hint=RESTORE)
    return None if why.cancelled else why.detail


def way_on(error: MigrationError, otherwise: str) -> str:
    """Give what to do next: of a step that a person has to decide about, the error says it."""
    return error.hint if error.reason is Reason.STEP_UNKNOWN else otherwise
