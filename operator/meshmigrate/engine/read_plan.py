"""What a run would do, found out without a lock and without changing anything."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from uuid import uuid4

from meshmigrate.domain.hazard_search import FoundHazard
from meshmigrate.domain.plan_answer import HazardAnswer, PendingFile, PlanAnswer, WayBackAnswer
from meshmigrate.domain.runspec import Folders, Policy, RunIdentity, RunSpec
from meshmigrate.domain.way_back import WayBack
from meshmigrate.engine.ending import rollback_ready
from meshmigrate.engine.ledger import story
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.plan_locks import Locks, strongest_first, united
from meshmigrate.engine.planning import summarise
from meshmigrate.engine.prepared import PreparedMigration
from meshmigrate.engine.prospect import foresee
from meshmigrate.engine.reckoning import count_steps
from meshmigrate.engine.wanted import Wanted


def read_plan(
    sight: Sight, wanted: Wanted, policy: Policy, *, allow_rollback: bool = False
) -> PlanAnswer:
    """Compare files and history in the transaction that is open, as a run does.

    Raises
    ------
    Refusal
        Whatever a run would be refused for.
    """
    spec = RunSpec(
        api_version=1,
        run=RunIdentity(id=uuid4(), intent="plan"),
        folders=Folders(migrations=()),
        policy=policy,
        allow_rollback=allow_rollback,
    )
    ahead = foresee(sight, wanted, spec)
    course = ahead.course
    hazards: dict[str, list[FoundHazard]] = defaultdict(list)
    for found in course.hazards:
        hazards[found.location.file].append(found)
    theirs = (hazards[each.migration.script.file] for each in ahead.pending)
    files = map(_pending_file, ahead.pending, course.ways, ahead.locks, theirs)
    goes_back = summarise(ahead) if ahead.prospect.leaving else None
    together = united(ahead.locks) if course.choice.mode == "Batch" else {}
    return PlanAnswer(
        api_version=1,
        database=sight.server.identity,
        ledger_schema=sight.ledger.schema,
        ledger_version=sight.ledger_version,
        current_version=str(max((row.version for row in ahead.prospect.present), default="")),
        target=str(wanted.target or "latest"),
        digest=ahead.prospect.plan.digest,
        transaction_mode=course.choice.mode,
        transaction_mode_reason=course.choice.why,
        held_until_end=strongest_first(together),
        rollback_ready=rollback_ready(course),
        pending=tuple(files),
        taken_back=goes_back.versions if goes_back else (),
        data_not_restored=ahead.losses,
        unfinished=story.unfinished(sight.ledger) if sight.ledger_version else (),
    )


def _pending_file(
    prepared: PreparedMigration, back: WayBack, locks: Locks, hazards: Iterable[FoundHazard]
) -> PendingFile:
    migration, statements = prepared.migration, prepared.script.statements
    transactional = not prepared.script.in_steps
    return PendingFile(
        version=str(migration.version),
        name=migration.name,
        file=migration.script.file,
        statements=len(statements),
        kinds=dict(Counter(statement.kind for statement in statements)),
        checks=len(prepared.checks),
        has_rollback=prepared.has_rollback,
        transactional=transactional,
        steps=1 if transactional else count_steps(prepared.script),
        tables=strongest_first(locks),
        strongest_lock=max(locks.values()).words if locks else "",
        locks_unknown=tuple(
            f"{statement.kind}, line {migration.script.location(statement.offset).line}"
            for statement in statements
            if statement.locks is None and statement.outside is None
        ),
        rollback=WayBackAnswer(
            ready=back.way.ready,
            reason=back.way,
            message=back.why,
            data_not_restored=back.losses,
        ),
        hazards=tuple(map(_hazard, hazards)),
    )


def _hazard(found: FoundHazard) -> HazardAnswer:
    return HazardAnswer(
        hazard=found.hazard,
        what=found.what,
        statement=found.statement,
        line=found.location.line or 1,
        column=found.location.column or 1,
        answer=found.answer,
        reason=found.why,
    )
