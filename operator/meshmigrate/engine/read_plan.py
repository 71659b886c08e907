"""What a run would do, found out without a lock and without changing anything."""

from collections import Counter
from uuid import UUID, uuid4

from meshmigrate.domain.answers import PendingFile, PlanAnswer, WayBackAnswer
from meshmigrate.domain.plan import make_plan
from meshmigrate.domain.runspec import Policy
from meshmigrate.domain.way_back import WayBack
from meshmigrate.engine.course import choose_course
from meshmigrate.engine.ending import rollback_ready
from meshmigrate.engine.ledger import history, story
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.plan_locks import Locks, read_locks, strongest_first, united
from meshmigrate.engine.prepared import PreparedMigration, prepare_plan
from meshmigrate.engine.reckoning import group_end
from meshmigrate.engine.wanted import Wanted


def read_plan(sight: Sight, wanted: Wanted, policy: Policy) -> PlanAnswer:
    """Compare files and history in the transaction that is open, as a run does.

    A run finishes first the way back that another one has begun, so what that one applied
    counts as pending.

    Raises
    ------
    Refusal
        Whatever a run would be refused for.
    """
    ledger = sight.ledger if sight.ledger_version else None
    applied = history.read(ledger) if ledger else ()
    unfinished = story.unfinished(ledger) if ledger else ()
    going_back = {UUID(run.id) for run in unfinished if run.intent == "undo"}
    staying = [row for row in applied if row.run_id not in going_back]
    plan = make_plan(
        wanted.source,
        staying,
        target=wanted.target,
        run_id=uuid4(),
        out_of_order=policy.out_of_order,
    )
    pending = prepare_plan(plan, wanted.source.final_checks)
    course = choose_course(pending, policy, ledger)
    locks = read_locks(sight, pending)
    files = map(_pending_file, pending, course.ways, locks)
    together = united(locks) if course.choice.mode == "Batch" else {}
    return PlanAnswer(
        api_version=1,
        database=sight.server.identity,
        ledger_schema=sight.ledger.schema,
        ledger_version=sight.ledger_version,
        current_version=str(max((row.version for row in applied), default="")),
        target=str(wanted.target or "latest"),
        digest=plan.digest,
        transaction_mode=course.choice.mode,
        transaction_mode_reason=course.choice.why,
        held_until_end=strongest_first(together),
        rollback_ready=rollback_ready(course),
        pending=tuple(files),
        unfinished=unfinished,
    )


def _pending_file(prepared: PreparedMigration, back: WayBack, locks: Locks) -> PendingFile:
    migration, statements = prepared.migration, prepared.script.statements
    transactional = not prepared.script.in_steps
    return PendingFile(
        version=str(migration.version),
        name=migration.name,
        file=migration.script.file,
        statements=len(statements),
        kinds=dict(Counter(statement.kind for statement in statements)),
        checks=len(prepared.checks),
        has_rollback=migration.rollback is not None,
        transactional=transactional,
        steps=1 if transactional else _count_steps(prepared),
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
    )


def _count_steps(prepared: PreparedMigration) -> int:
    count = start = 0
    while start < len(prepared.script.statements):
        start, count = group_end(prepared.script, start), count + 1
    return count
