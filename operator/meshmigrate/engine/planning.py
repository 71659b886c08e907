"""Planning as the end of an attempt: to show what would be done, or until that is approved."""

from collections.abc import Sequence
from typing import Final

from meshmigrate.domain.mode import Course
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import PlannedVersion, PlanSummary
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine import session
from meshmigrate.engine.course import tell_course
from meshmigrate.engine.early import Known, end_planned, end_up_to_date
from meshmigrate.engine.ending import Ending
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.plan_locks import Locks
from meshmigrate.engine.privileges import refuse_missing
from meshmigrate.engine.prospect import Foresight, foresee
from meshmigrate.engine.reckoning import count_steps
from meshmigrate.engine.wanted import Wanted

_MOST: Final = 100
"""Versions that a summary names; a result holds fewer than that."""


def show_plan(sight: Sight, wanted: Wanted, spec: RunSpec, known: Known) -> Ending:
    """End an attempt that is only to plan; nothing is written.

    Raises
    ------
    Refusal
        Whatever a run would be refused for.
    """
    summary = _look(sight, wanted, spec, known)
    if summary.empty:
        return end_up_to_date(known, summary)
    message = f"would {summary}; plan {summary.digest}"
    return _end(known, Outcome.SUCCEEDED, Reason.PLANNED, message, summary)


def await_approval(sight: Sight, wanted: Wanted, spec: RunSpec, known: Known) -> Ending | None:
    """End an attempt whose plan is not the approved one; None where it may go on.

    Nothing to do is nothing to approve. Asked without the lock, so that waiting holds up nobody,
    and again with it: what was approved is what runs.

    Raises
    ------
    Refusal
        Whatever a run would be refused for.
    """
    if spec.policy.approval != "Required":
        return None
    summary = _look(sight, wanted, spec, known)
    if summary.empty or summary.digest == spec.approved_plan:
        return None
    if not spec.approved_plan:
        reason, what = Reason.AWAITING_APPROVAL, f"plan {summary.digest} waits for approval"
    else:
        reason = Reason.PLAN_CHANGED
        what = (
            f"the approved plan {spec.approved_plan} is not what would run: that is plan "
            f"{summary.digest} and waits for approval"
        )
    message = f"{what}; it would {summary}; nothing was changed"
    return _end(known, Outcome.AWAITING_APPROVAL, reason, message, summary)


def _end(
    known: Known, outcome: Outcome, reason: Reason, message: str, summary: PlanSummary
) -> Ending:
    if known.course is not None:
        tell_course(known.course, known.events)
    return end_planned(known, outcome, reason, message, summary)


def _look(sight: Sight, wanted: Wanted, spec: RunSpec, known: Known) -> PlanSummary:
    wanted.refuse_problem()
    connection = sight.ledger.connection
    with session.snapshot(connection):
        ahead = foresee(sight, wanted, spec)
    new_ledger = None if sight.ledger_version else sight.ledger.schema
    refuse_missing(connection, sight.server, ahead.pending, new_ledger=new_ledger)
    known.present = tuple(row.version for row in ahead.prospect.present)
    if ahead.pending:
        known.course = ahead.course
    return summarise(ahead)


def summarise(ahead: Foresight) -> PlanSummary:
    """Put a plan as a person reads it."""
    prospect, choice = ahead.prospect, ahead.course.choice
    leaving, locks = prospect.leaving, ahead.locks
    strongest = max((max(each.values()) for each in locks if each), default=None)
    rows = prospect.declaration.history(prospect.present)
    staying = {row.version for row in rows} - {row.version for row in leaving}
    staying |= {each.migration.version for each in ahead.pending}
    return PlanSummary(
        digest=prospect.plan.digest,
        direction="RollBack" if leaving else "Apply",
        count=len(leaving) or len(ahead.pending),
        target=str(max(staying, default="")),
        versions=_back(leaving, locks) if leaving else _forward(ahead, ahead.course, locks),
        declares=prospect.declaration.message,
        transaction_mode=choice.mode if ahead.pending else "",
        transaction_mode_reason=choice.why if ahead.pending else "",
        strongest_lock=strongest.words if strongest else "",
        data_not_restored=ahead.losses,
        hazards=tuple(each.sentence for each in ahead.course.hazards[:_MOST]),
    )


def _forward(
    ahead: Foresight, course: Course, locks: Sequence[Locks]
) -> tuple[PlannedVersion, ...]:
    return tuple(
        PlannedVersion(
            version=str(each.migration.version),
            name=each.migration.name,
            strongest_lock=_strongest(lock),
            steps=count_steps(each.script) if each.script.in_steps else 0,
            rollback=back.way,
        )
        for each, back, lock in zip(ahead.pending[:_MOST], course.ways, locks, strict=False)
    )


def _back(leaving: Sequence[AppliedVersion], locks: Sequence[Locks]) -> tuple[PlannedVersion, ...]:
    found = [*locks, *({} for _ in range(len(leaving) - len(locks)))]
    return tuple(
        PlannedVersion(version=str(row.version), name=row.name, strongest_lock=_strongest(lock))
        for row, lock in zip(leaving[:_MOST], found, strict=False)
    )


def _strongest(locks: Locks) -> str:
    return max(locks.values()).words if locks else ""
