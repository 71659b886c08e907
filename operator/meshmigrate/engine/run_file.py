"""One file, whichever way it has to be run."""

from collections.abc import Callable
from uuid import UUID

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.script import Migration
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.executor import Executor
from meshmigrate.engine.ledger import journal
from meshmigrate.engine.ledger.journal import Direction
from meshmigrate.engine.server_error import is_cancelled
from meshmigrate.engine.spans import file_span
from meshmigrate.engine.step_file import StepFile
from meshmigrate.engine.steps import run_steps
from meshmigrate.engine.stop import interruption
from meshmigrate.engine.work import Work


def run_file(
    executor: Executor,
    run_id: UUID,
    direction: Direction,
    work: Work,
    record: Callable[[], None],
    *,
    deadline: Deadline,
    lock_deadline: Callable[[], Deadline],
    migration: Migration | None = None,
    begun: bool | None = None,
) -> None:
    """Run a file: in one transaction if one can hold it, otherwise in steps.

    Parameters
    ----------
    record
        Writes the ledger's rows, in the last transaction.
    deadline
        Until when statements may run.
    lock_deadline
        Gives until when a transaction that begins now may be tried again.
    migration
        What the file is the way up of.
    begun
        Whether the journal has steps of it; None if nobody has looked.

    Raises
    ------
    Failure
        What a statement or a check did wrong; ``StepUnknown`` if a person has to look.
    LockTimeout
        ``TableLockTimeout``.
    Interruption
        The connection was lost, or somebody asked to stop.
    """
    executor.in_flight.version = work.version
    # A file that was begun in steps goes on in steps, whatever it has become since.
    if begun is None:
        begun = bool(journal.read(executor.lease.ledger, work.version, direction))
    with file_span(work.script.script, work.version, direction):
        if not (begun or work.script.in_steps):
            executor.run(work, record, deadline=deadline, lock_deadline=lock_deadline())
            return
        file = StepFile(
            executor=executor,
            run_id=run_id,
            direction=direction,
            work=work,
            migration=migration,
            deadline=deadline,
            lock_deadline=lock_deadline,
        )
        try:
            run_steps(file, record)
        except MigrationError as error:
            if is_cancelled(error) and executor.stop.requested:
                raise interruption() from error
            raise
