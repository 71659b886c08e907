"""A file that no transaction can hold, in steps: each is journalled, and done exactly once.

Transactional statements commit together with their row in the journal: those in a row are one
step, or each is one where the file says ``no-transaction``.
"""

from collections.abc import Callable

from meshmigrate.engine import session
from meshmigrate.engine.outside_step import OutsideStep
from meshmigrate.engine.reckoning import done_before, group_end
from meshmigrate.engine.step_file import StepFile


def run_steps(file: StepFile, record: Callable[[], None]) -> None:
    """Run what is not done yet; the last step commits together with ``record``.

    Raises
    ------
    Failure
        What a statement or a check did wrong; ``StepUnknown`` if a person has to look.
    LockTimeout
        ``TableLockTimeout``.
    Interruption
        The connection was lost, or somebody asked to stop.
    """
    executor, script = file.executor, file.script
    count = len(script.statements)
    session.reset(executor.connection, executor.server)
    start = done_before(executor, file.work.version, file.direction, script, file.repair_deadline)
    if start == count:
        file.commit((), start, file.checks(start), record)
    while start < count:
        end = group_end(script, start)
        _run(file, start, end, record if end == count else _nothing)
        start = end


def _run(file: StepFile, start: int, end: int, record: Callable[[], None]) -> None:
    statements = file.script.statements[start:end]
    outside = statements[0].outside
    if outside is not None:
        OutsideStep(file, start, outside).run(record)
        return

    def write() -> None:
        file.keep(file.step(start))
        record()

    file.commit(statements, start, file.checks(end), write)


def _nothing() -> None:
    """Record nothing: the file goes on."""
