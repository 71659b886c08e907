"""A file that no transaction can hold, in steps: each is journalled, and done exactly once.

A run of transactional statements commits together with its row in the journal. Any other
statement is journalled before it is sent, and what it did is looked up afterwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from meshmigrate.domain.errors import Failure, Interruption, LockTimeout, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Outside, Statement
from meshmigrate.engine import session
from meshmigrate.engine.blockers import describe_blockers
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.effects import unlimited
from meshmigrate.engine.executor import Executor, Work
from meshmigrate.engine.ledger import history, journal
from meshmigrate.engine.ledger.journal import Direction, Step
from meshmigrate.engine.prepared import PreparedScript
from meshmigrate.engine.reckoning import (
    done_before,
    enter_step,
    find_effects,
    group_end,
    settings_before,
    settle,
)
from meshmigrate.engine.server_error import is_cancelled, is_worth_another_try
from meshmigrate.engine.statements import send


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Runs one file step by step.

    Parameters
    ----------
    deadline
        Until when statements may run.
    lock_deadline
        Gives until when a step may be tried again: each has a time of its own.
    """

    executor: Executor
    run_id: UUID
    direction: Direction
    work: Work
    deadline: Deadline
    lock_deadline: Callable[[], Deadline]

    def run(self, record: Callable[[], None]) -> None:
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
        script = self.work.script
        count = len(script.statements)
        session.reset(self.executor.connection, self.executor.server)
        start = done_before(
            self.executor, self.work.version, self.direction, script, self._repair_deadline()
        )
        if start == count:
            self._commit((), start, self._checked(last=True), record)
        while start < count:
            end = group_end(script.statements, start)
            self._run(start, end, record if end == count else _nothing)
            start = end

    def _run(self, start: int, end: int, record: Callable[[], None]) -> None:
        statements = self.work.script.statements[start:end]
        checks = self._checked(last=end == len(self.work.script.statements))
        outside = statements[0].outside
        if outside is not None:
            self._run_outside(start, outside, checks, record)
            return
        step = self._step(start)

        def write() -> None:
            self._keep(step)
            record()

        self._commit(statements, start, checks, write)

    def _checked(self, *, last: bool) -> tuple[PreparedScript, ...]:
        return self.work.checks if last else ()

    def _commit(
        self,
        statements: tuple[Statement, ...],
        start: int,
        checks: tuple[PreparedScript, ...],
        write: Callable[[], None],
    ) -> None:
        script = self.work.script
        work = Work(
            self.work.version,
            PreparedScript(script.script, statements),
            checks,
            settings_before(script.statements, start),
        )
        self.executor.run(work, write, deadline=self.deadline, lock_deadline=self.lock_deadline())

    def _run_outside(
        self,
        start: int,
        outside: Outside,
        checks: tuple[PreparedScript, ...],
        record: Callable[[], None],
    ) -> None:
        attempt, lock_deadline = 1, self.lock_deadline()
        while True:
            self.executor.stop.check()
            if self.deadline.passed:
                raise self.deadline.exceeded()
            step = self._begin(start, outside)

            def write(step: Step = step) -> None:
                self._keep(replace(step, done=True))
                record()

            try:
                if not step.done:
                    self._send(start, outside, step)
                self._commit((), start + 1, checks, write)
            except Interruption:
                raise
            except MigrationError as error:
                self._after_failure(step, error)
                name_blockers = partial(describe_blockers, self.executor.connection)
                self.executor.pause(self.work, error, attempt, lock_deadline, name_blockers)
                attempt += 1
            else:
                return

    def _begin(self, start: int, outside: Outside) -> Step:
        """Commit what is about to be done; the step is done if nothing is left to do."""
        executor, script = self.executor, self.work.script
        with session.translated():
            try:
                effects = find_effects(executor, script, start, outside, self.deadline)
                ready = effects.prepare()
                absent = effects.absent()
            except MigrationError as error:
                raise self._placed(error, start) from error
        step = replace(
            self._step(start), done=ready, object=effects.object or None, absent_before=absent
        )
        if not ready:
            session.reset(executor.connection, executor.server)
            with session.transaction(executor.connection):
                executor.lease.guard()
                self._keep(step)
        return step

    def _send(self, start: int, outside: Outside, step: Step) -> None:
        executor, script = self.executor, self.work.script
        enter_step(executor, script, start)
        unlimited(executor.connection, self.deadline)
        with executor.activity.of_a_file():
            executor.activity.begin(script.script, script.statements[start])
            send(executor.connection, script.script, script.statements[start])
        with session.translated():
            effects = find_effects(executor, script, start, outside, self.deadline)
            try:
                replace(effects, object=step.object or "").verify()
            except MigrationError as error:
                raise self._placed(error, start) from error

    def _after_failure(self, step: Step, error: MigrationError) -> None:
        """Settle what a statement that failed left behind; return if it is worth another try."""
        if is_cancelled(error) and self.executor.stop.requested:
            raise error
        stands = True
        try:
            stands = step.done or settle(
                self.executor, step, self.work.script, self._repair_deadline()
            )
        except (Failure, LockTimeout) as problem:
            # Otherwise it stays in the journal as running, and the first error counts.
            if problem.reason is Reason.STEP_UNKNOWN or self.executor.stop.requested:
                raise
        if is_cancelled(error) and self.deadline.passed:
            raise self.deadline.exceeded(error) from error
        if stands or not is_worth_another_try(error):
            raise error

    def _placed(self, error: MigrationError, start: int) -> MigrationError:
        statement = self.work.script.statements[start]
        return type(error)(
            error.reason,
            error.message,
            hint=error.hint,
            location=self.work.script.script.location(statement.offset),
            sqlstate=error.sqlstate,
            statement=statement.kind,
        )

    def _step(self, start: int) -> Step:
        return Step(
            run_id=self.run_id,
            version=str(self.work.version),
            direction=self.direction,
            ordinal=start + 1,
            checksum=self.work.script.script.checksum,
            done=True,
        )

    def _keep(self, step: Step) -> None:
        """Write the journal, and keep the file: a later attempt may be given another one."""
        ledger = self.executor.lease.ledger
        history.keep(ledger, self.work.script.script)
        journal.write(ledger, step)

    def _repair_deadline(self) -> Deadline:
        seconds = self.executor.policy.rollback_deadline_seconds
        return Deadline(self.executor.clock, seconds, name="rollbackDeadlineSeconds")


def _nothing() -> None:
    """Record nothing: the file goes on."""
