"""What a run would do as things are now: the history it needs, and the way forward or back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshmigrate.domain.mode import Course
from meshmigrate.domain.plan import AppliedVersion, Plan, make_plan, retreat_digest
from meshmigrate.domain.retreat import is_retreat, plan_retreat
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine import half_back, kept
from meshmigrate.engine.course import choose_course
from meshmigrate.engine.declaration import NOTHING, Declaration, Situation
from meshmigrate.engine.ledger import history, runs
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.no_return import refuse_irreversible
from meshmigrate.engine.plan_locks import Locks, read_locks
from meshmigrate.engine.prepared import (
    PreparedMigration,
    PreparedScript,
    prepare_plan,
    prepare_script,
)
from meshmigrate.engine.wanted import Wanted
from meshmigrate.engine.wanted_history import decide_history


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a run would do; ``plan`` has nothing pending where it goes back."""

    present: tuple[AppliedVersion, ...]
    """The history as it is."""
    declaration: Declaration
    """What it is made to say first."""
    plan: Plan
    leaving: tuple[AppliedVersion, ...] = ()
    """What is taken back, the one applied last first."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.declaration.versions or self.plan.pending or self.leaving)


@dataclass(frozen=True, slots=True)
class Foresight:
    """A prospect with every file read, and what each of them locks."""

    prospect: Prospect
    pending: tuple[PreparedMigration, ...]
    course: Course
    locks: Sequence[Locks]
    """Of the files that are pending, or of the rollback scripts that run."""
    losses: tuple[str, ...]
    """The data that a way back does not bring back."""


@dataclass(frozen=True, slots=True)
class _Shelf:
    ledger: Ledger
    wanted: Wanted


def look_ahead(
    spec: RunSpec,
    wanted: Wanted,
    sight: Sight,
    present: tuple[AppliedVersion, ...],
    *,
    begun: bool = False,
) -> Prospect:
    """Compare files and history.

    Parameters
    ----------
    present
        The history as it is; empty where there is no ledger yet.
    begun
        Whether the run has begun: then it goes forward, and the history says what it was told.

    Raises
    ------
    Refusal
        Whatever a run is refused for before its files are read.
    """
    declaration = NOTHING
    if not begun:
        ledger = sight.ledger if sight.ledger_version else None
        situation = Situation(
            wanted=wanted, history=present, connection=sight.ledger.connection, ledger=ledger
        )
        declaration = decide_history(spec, situation)
    rows, target = declaration.history(present), wanted.target
    going_back = (
        target is not None
        and spec.allow_rollback
        and not begun
        and is_retreat(rows, target, wanted.source)
    )
    leaving = plan_retreat(rows, target) if target is not None and going_back else ()
    if sight.ledger_version:
        half_back.refuse(sight.ledger, leaving)
    database, access = sight.server.identity, sight.server.access
    place = (database.name, database.system_identifier, access.role, *access.search_path)
    if going_back:
        current = max(row.version for row in rows)
        return Prospect(
            present, declaration, Plan(current, (), retreat_digest(rows, leaving, place)), leaving
        )
    plan = make_plan(
        wanted.source, rows, target=target, run_id=spec.run.id, policy=spec.policy, place=place
    )
    return Prospect(present, declaration, plan)


def foresee(sight: Sight, wanted: Wanted, spec: RunSpec) -> Foresight:
    """Find out what a run would do, in the transaction that is open; nothing is changed.

    A run finishes first the way back that another one has begun, so what that one applied
    counts as pending.

    Raises
    ------
    Refusal
        Whatever a run would be refused for.
    """
    ledger = sight.ledger if sight.ledger_version else None
    rows = history.read(ledger) if ledger else ()
    unfinished = runs.unfinished(ledger) if ledger else ()
    going_back = {run.id for run in unfinished if run.way_back is not None}
    staying = tuple(row for row in rows if row.run_id not in going_back)
    prospect = look_ahead(spec, wanted, sight, staying)
    pending = prepare_plan(prospect.plan, wanted.source.final_checks)
    scripts = [each.script for each in pending]
    losses: tuple[str, ...] = ()
    if ledger is not None and prospect.leaving and not prospect.declaration.versions:
        scripts = _scripts_back(ledger, wanted, prospect.leaving)
        losses = kept.discarded(_Shelf(ledger, wanted), tuple(reversed(prospect.leaving)))
    return Foresight(
        replace(prospect, present=rows),
        pending,
        choose_course(pending, spec.policy, sight.ledger.connection, ledger),
        read_locks(sight, scripts),
        losses,
    )


def _scripts_back(
    ledger: Ledger, wanted: Wanted, leaving: Sequence[AppliedVersion]
) -> list[PreparedScript]:
    """Read the rollback scripts that would run."""
    if wanted.target is not None:
        refuse_irreversible(ledger, leaving, wanted.target)
    backs = (history.rollback_script(ledger, row) for row in leaving)
    return [prepare_script(back) for back in backs if back is not None]
