"""What all steps of one file share: where they are journalled, and how long they may take."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from meshmigrate.domain.script import Migration, Statement
from meshmigrate.engine import begun
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.executor import Executor
from meshmigrate.engine.ledger import history, journal
from meshmigrate.engine.ledger.journal import Direction, Step
from meshmigrate.engine.prepared import PreparedScript
from meshmigrate.engine.reckoning import settings_before
from meshmigrate.engine.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFile:
    """A file that runs step by step.

    Parameters
    ----------
    migration
        What it is the way up of; None for a rollback script.
    deadline
        Until when statements may run.
    lock_deadline
        Gives until when a step may be tried again: each has a time of its own.
    """

    executor: Executor
    run_id: UUID
    direction: Direction
    work: Work
    migration: Migration | None
    deadline: Deadline
    lock_deadline: Callable[[], Deadline]

    @property
    def script(self) -> PreparedScript:
        """The file itself."""
        return self.work.script

    @property
    def repair_deadline(self) -> Deadline:
        """Until when what was left behind may be put in order, from now on."""
        seconds = self.executor.policy.rollback_deadline_seconds
        return Deadline(self.executor.clock, seconds, name="rollbackDeadlineSeconds")

    def checks(self, end: int) -> tuple[PreparedScript, ...]:
        """Give what is checked in the step that ends before a statement, counted from 0."""
        return self.work.checks if end == len(self.script.statements) else ()

    def step(self, start: int) -> Step:
        """Give the journal's row of the step that starts with a statement, as done."""
        return Step(
            run_id=self.run_id,
            version=str(self.work.version),
            direction=self.direction,
            ordinal=start + 1,
            checksum=self.script.script.checksum,
            done=True,
        )

    def keep(self, step: Step) -> None:
        """Write the journal, and keep the file: a later attempt may be given another one."""
        ledger = self.executor.lease.ledger
        history.keep(ledger, self.script.script)
        journal.write(ledger, step)
        if self.migration is not None:
            begun.record(ledger, self.run_id, self.migration)

    def commit(
        self,
        statements: tuple[Statement, ...],
        start: int,
        checks: tuple[PreparedScript, ...],
        write: Callable[[], None],
    ) -> None:
        """Run statements, checks and ``write`` in one transaction, as the executor does."""
        work = Work(
            self.work.version,
            PreparedScript(self.script.script, statements),
            checks,
            settings_before(self.script.statements, start),
        )
        self.executor.run(work, write, deadline=self.deadline, lock_deadline=self.lock_deadline())
