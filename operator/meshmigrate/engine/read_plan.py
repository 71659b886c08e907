"""What a run would do, found out without a lock and without changing anything."""

from collections import Counter
from uuid import UUID, uuid4

from meshmigrate.domain.answers import PendingFile, PlanAnswer
from meshmigrate.domain.plan import make_plan
from meshmigrate.domain.runspec import OutOfOrder
from meshmigrate.engine.ledger import history, story
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.prepared import PreparedMigration, prepare_plan
from meshmigrate.engine.wanted import Wanted


def read_plan(sight: Sight, wanted: Wanted, out_of_order: OutOfOrder) -> PlanAnswer:
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
        out_of_order=out_of_order,
    )
    pending = prepare_plan(plan, wanted.source.final_checks)
    return PlanAnswer(
        api_version=1,
        database=sight.server.identity,
        ledger_schema=sight.ledger.schema,
        ledger_version=sight.ledger_version,
        current_version=str(max((row.version for row in applied), default="")),
        target=str(wanted.target or "latest"),
        digest=plan.digest,
        pending=tuple(map(_pending_file, pending)),
        unfinished=unfinished,
    )


def _pending_file(prepared: PreparedMigration) -> PendingFile:
    migration, statements = prepared.migration, prepared.script.statements
    return PendingFile(
        version=str(migration.version),
        name=migration.name,
        file=migration.script.file,
        statements=len(statements),
        kinds=dict(Counter(statement.kind for statement in statements)),
        checks=len(prepared.checks),
        has_rollback=migration.rollback is not None,
    )
