"""How far a file has got that runs in steps: read from the journal, looked up in the catalog."""

from collections.abc import Sequence
from typing import Final

from meshmigrate.domain.errors import Failure
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Outside, ScriptKind, Statement
from meshmigrate.domain.version import Version
from meshmigrate.engine import session
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.effects import Effects
from meshmigrate.engine.executor import Executor
from meshmigrate.engine.ledger import history, journal
from meshmigrate.engine.ledger.journal import Direction, Step
from meshmigrate.engine.lookup import locate
from meshmigrate.engine.prepared import PreparedScript, prepare_script
from meshmigrate.engine.statements import run_statements

_SETTINGS: Final = frozenset({"SET", "RESET"})


def group_end(statements: Sequence[Statement], start: int) -> int:
    """Give where the step ends that starts with a statement, both counted from 0."""
    if statements[start].outside:
        return start + 1
    rest = range(start, len(statements))
    return next((index for index in rest if statements[index].outside), len(statements))


def settings_before(statements: Sequence[Statement], start: int) -> tuple[Statement, ...]:
    """Give what a file has set before a step of it: each step has a fresh session."""
    return tuple(statement for statement in statements[:start] if statement.kind in _SETTINGS)


def enter_step(executor: Executor, script: PreparedScript, start: int) -> None:
    """Give a step the session that its file has made for it, without a transaction."""
    session.reset(executor.connection, executor.server)
    session.enter_script(executor.connection, executor.server)
    settings = settings_before(script.statements, start)
    run_statements(executor.connection, script.script, settings)


def find_effects(
    executor: Executor, script: PreparedScript, start: int, outside: Outside, deadline: Deadline
) -> Effects:
    """Find what the names of a step mean.

    Afterwards the session has our own names, and the script's role: what belongs to it may be
    hidden from the one that logs in.
    """
    enter_step(executor, script, start)
    found, table = locate(executor.connection, outside)
    session.look_as_script(executor.connection, executor.server)
    return Effects(executor, outside, found, table, deadline)


def done_before(
    executor: Executor,
    version: Version,
    direction: Direction,
    script: PreparedScript,
    deadline: Deadline,
) -> int:
    """Count the statements of a file that are done, after settling one that was under way.

    Raises
    ------
    Failure
        ``SourceChanged`` if what is done is not how the file begins now; ``StepUnknown`` if a
        person has to look.
    """
    steps = journal.read(executor.lease.ledger, version, direction)
    while steps:
        step = steps.pop()
        text = _text(executor, step, script)
        if step.done or settle(executor, step, text, deadline):
            end = group_end(text.statements, step.ordinal - 1)
            _refuse_other_beginning(script, text, end, version)
            return end
    return 0


def settle(executor: Executor, step: Step, script: PreparedScript, deadline: Deadline) -> bool:
    """Bring a step that was under way to a known state; tell whether it is done.

    Raises
    ------
    Failure
        ``StepUnknown`` if a person has to look.
    """
    outside = script.statements[step.ordinal - 1].outside
    if outside is None:
        raise RuntimeError("a step inside a transaction is never left running")
    with session.translated():
        found = find_effects(executor, script, step.ordinal - 1, outside, deadline)
        effects = Effects(executor, outside, step.object or "", found.table, deadline)
        done = effects.settle(absent_before=bool(step.absent_before))
    session.reset(executor.connection, executor.server)
    with session.transaction(executor.connection):
        executor.lease.guard()
        if done:
            journal.finish(executor.lease.ledger, step)
        else:
            journal.forget(executor.lease.ledger, step)
    return done


def settle_unfinished(executor: Executor, steps: Sequence[Step], deadline: Deadline) -> None:
    """Settle what another run was doing when it ended.

    Raises
    ------
    Failure
        ``StepUnknown`` if a person has to look.
    """
    for step in steps:
        settle(executor, step, _text(executor, step), deadline)


def _text(executor: Executor, step: Step, script: PreparedScript | None = None) -> PreparedScript:
    """Give the file as it was when the step was done."""
    if script is not None and script.script.checksum == step.checksum:
        return script
    kind = ScriptKind.MIGRATION if step.direction == "up" else ScriptKind.ROLLBACK
    ledger, file = executor.lease.ledger, f"{kind}s/{step.version}.sql"
    return prepare_script(history.kept_script(ledger, step.checksum, kind, file))


def _refuse_other_beginning(
    script: PreparedScript, before: PreparedScript, end: int, version: Version
) -> None:
    done = [statement.text for statement in before.statements[:end]]
    if done != [statement.text for statement in script.statements[:end]]:
        raise Failure(
            Reason.SOURCE_CHANGED,
            f"the first {end} statements of version {version} are done, and the file begins "
            "with others now",
            hint="Restore those statements as they were; what follows them may change.",
        )
