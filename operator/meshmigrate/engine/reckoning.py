"""How far a file has got that runs in steps: read from the journal, looked up in the catalog."""

from collections.abc import Iterable, Sequence
from typing import Final

from meshmigrate.domain.errors import Failure, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Action, Outside, ScriptKind, Statement
from meshmigrate.domain.version import Version
from meshmigrate.engine import session
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.effects import Effects
from meshmigrate.engine.executor import Executor
from meshmigrate.engine.ledger import history, journal
from meshmigrate.engine.ledger.journal import Direction, Step
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.lookup import locate
from meshmigrate.engine.prepared import PreparedScript, prepare_script
from meshmigrate.engine.statements import run_statements

_SETTINGS: Final = frozenset({"SET", "RESET"})
_CHANGE_NOTHING: Final = _SETTINGS | {"VACUUM", "ANALYZE", "REINDEX", "CLUSTER", "CHECKPOINT"}
"""Kinds that change neither schema nor data."""


def group_end(script: PreparedScript, start: int) -> int:
    """Give where the step ends that starts with a statement, both counted from 0."""
    statements = script.statements
    if script.script.no_transaction or statements[start].outside:
        return start + 1
    rest = range(start, len(statements))
    return next((index for index in rest if statements[index].outside), len(statements))


def count_steps(script: PreparedScript) -> int:
    """Give in how many steps a script runs."""
    count = start = 0
    while start < len(script.statements):
        start, count = group_end(script, start), count + 1
    return count


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
        text = text_of(executor.lease.ledger, step, script)
        if step.done or settle(executor, step, text, deadline):
            end = group_end(text, step.ordinal - 1)
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
    if outside.action is Action.UNKNOWN:
        raise unknown(step, script)
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


def unknown(step: Step, script: PreparedScript, error: MigrationError | None = None) -> Failure:
    """Give the failure of a step of which nothing tells what it has done.

    Parameters
    ----------
    error
        What ended it; None if its run was lost.
    """
    statement = script.statements[step.ordinal - 1]
    happened = error.message if error else "its run ended while the statement was under way"
    decide = f"--version {step.version} --reason TEXT"
    return Failure(
        Reason.STEP_UNKNOWN,
        f"{happened}; what statement {step.ordinal} ({statement.kind}) had committed by then "
        "cannot be looked up",
        hint="Look at what it did, then decide: "
        f"`meshmigrate repair --step done {decide}` goes on behind it, "
        f"`meshmigrate repair --step retry {decide}` lets it run again.",
        location=script.script.location(statement.offset),
        sqlstate=error.sqlstate if error else None,
        statement=statement.kind,
    )


def settle_unfinished(executor: Executor, steps: Sequence[Step], deadline: Deadline) -> None:
    """Settle what another run was doing when it ended.

    What nothing tells stays as it is: whoever goes on with that file has to know.

    Raises
    ------
    Failure
        ``StepUnknown`` if a person has to look before anything goes on.
    """
    for step in steps:
        script = text_of(executor.lease.ledger, step)
        if not needs_decision(step, script):
            settle(executor, step, script, deadline)


def needs_decision(step: Step, script: PreparedScript) -> bool:
    """Tell whether only a person can say what an unfinished step has done."""
    outside = script.statements[step.ordinal - 1].outside
    return not step.done and outside is not None and outside.action is Action.UNKNOWN


def changing(ledger: Ledger, steps: Iterable[Step]) -> list[Step]:
    """Give the steps that somebody would have to take back: not VACUUM and the like."""
    texts: dict[str, PreparedScript] = {}
    found = []
    for step in steps:
        script = texts.get(step.checksum) or text_of(ledger, step)
        texts[step.checksum] = script
        start = step.ordinal - 1
        statements = script.statements[start : group_end(script, start)]
        if any(statement.kind not in _CHANGE_NOTHING for statement in statements):
            found.append(step)
    return found


def text_of(ledger: Ledger, step: Step, script: PreparedScript | None = None) -> PreparedScript:
    """Give the file as it was when the step was done; ``script`` if it is still the same."""
    if script is not None and script.script.checksum == step.checksum:
        return script
    kind = ScriptKind.MIGRATION if step.direction == "up" else ScriptKind.ROLLBACK
    file = f"{kind}s/{step.version}.sql"
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
