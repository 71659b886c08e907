"""One statement outside of transactions: journalled before it is sent, looked up afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from meshmigrate.domain.errors import Failure, Interruption, LockTimeout, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Action, Outside, Statement
from meshmigrate.engine import session
from meshmigrate.engine.blockers import describe_blockers
from meshmigrate.engine.clock import Deadline
from meshmigrate.engine.ledger import journal
from meshmigrate.engine.ledger.journal import Step
from meshmigrate.engine.limits import limit, lock_timeout_ms, timed_out
from meshmigrate.engine.prepared import PreparedScript
from meshmigrate.engine.reckoning import enter_step, find_effects, settle, unknown
from meshmigrate.engine.server_error import (
    failed_before_it_began,
    is_cancelled,
    is_worth_another_try,
)
from meshmigrate.engine.statements import send
from meshmigrate.engine.step_file import StepFile
from meshmigrate.engine.table_wait import TableWait


@dataclass(frozen=True, slots=True)
class OutsideStep:
    """A step of a file that is one statement, counted from 0, outside of transactions."""

    file: StepFile
    start: int
    outside: Outside

    def run(self, record: Callable[[], None]) -> None:
        """Run it; its row in the journal, the checks and ``record`` commit together after it.

        Raises
        ------
        Failure
            What the statement or a check did wrong; ``StepUnknown`` if a person has to look.
        LockTimeout
            ``TableLockTimeout``.
        Interruption
            The connection was lost, or somebody asked to stop.
        """
        executor = self.file.executor
        attempt, lock_deadline = 1, self.file.lock_deadline()
        tables = TableWait(executor.connection, executor.server, executor.clock, executor.events)
        while True:
            executor.stop.check()
            if self.file.deadline.passed:
                raise self.file.deadline.exceeded()
            lock_ms = self._lock_ms(tables, attempt, lock_deadline)
            step = self._begin()
            limited = self._time_limit()
            try:
                if not step.done:
                    step = self._send(step, limited, lock_ms)
                self._finish(step, record)
            except Interruption:
                raise
            except MigrationError as error:
                self._after_failure(step, error, limited)
                name_blockers = partial(describe_blockers, executor.connection)
                executor.pause(self.file.work, error, attempt, lock_deadline, name_blockers)
                attempt += 1
            else:
                return

    def _lock_ms(self, tables: TableWait, attempt: int, lock_deadline: Deadline) -> int:
        """Wait until nobody is in the way, and give how long the statement waits for a lock."""
        if not self.outside.strong:
            return 0
        shortest = tables.wait(
            PreparedScript(self.file.script.script, (self._statement,)),
            version=self.file.work.version,
            give_up=lambda: self.file.deadline.passed or lock_deadline.half_passed,
        )
        return max(shortest, lock_timeout_ms(self._statement.kind, attempt, after_strong=False))

    def _begin(self) -> Step:
        """Commit what is about to be done; the step is done if nothing is left to do."""
        executor = self.file.executor
        with session.translated():
            try:
                effects = find_effects(
                    executor, self.file.script, self.start, self.outside, self.file.deadline
                )
                ready = effects.prepare()
                absent = effects.absent()
            except MigrationError as error:
                raise self._placed(error) from error
        step = replace(
            self.file.step(self.start),
            done=ready,
            object=effects.object or None,
            absent_before=absent,
        )
        if not ready:
            session.reset(executor.connection, executor.server)
            self._keep(step)
        return step

    def _send(self, step: Step, limited: Deadline, lock_ms: int) -> Step:
        executor, script = self.file.executor, self.file.script
        executor.in_flight.refuse_suspect(script.script, (self._statement,))
        enter_step(executor, script, self.start)
        limit(executor.connection, limited.remaining, lock_ms=lock_ms)
        with executor.activity.of_a_file():
            executor.activity.begin(script.script, self._statement)
            send(executor.connection, script.script, self._statement)
        if self.outside.action is Action.UNKNOWN:
            # Nothing tells it later, so it is written down before anything else can fail.
            step = replace(step, done=True)
            session.reset(executor.connection, executor.server)
            self._keep(step)
            return step
        with session.translated():
            effects = find_effects(executor, script, self.start, self.outside, self.file.deadline)
            try:
                replace(effects, object=step.object or "").verify()
            except MigrationError as error:
                raise self._placed(error) from error
        return step

    def _finish(self, step: Step, record: Callable[[], None]) -> None:
        def write() -> None:
            self.file.keep(replace(step, done=True))
            record()

        end = self.start + 1
        self.file.commit((), end, self.file.checks(end), write)

    def _after_failure(self, step: Step, error: MigrationError, limited: Deadline) -> None:
        """Settle what a statement that failed left behind; return if it is worth another try."""
        if is_cancelled(error) and self.file.executor.stop.requested:
            raise error
        if is_cancelled(error) and limited.passed:
            error = self._exceeded(error)
        if self._stands(step, error) or not is_worth_another_try(error):
            raise error

    def _stands(self, step: Step, error: MigrationError) -> bool:
        """Tell whether the effect is there; what it left half done is put in order."""
        executor, script = self.file.executor, self.file.script
        if step.done:
            return True
        if self.outside.action is Action.UNKNOWN:
            if failed_before_it_began(error):
                self._forget(step)
                return False
            raise unknown(step, script, error) from error
        try:
            return settle(executor, step, script, self.file.repair_deadline)
        except (Failure, LockTimeout) as problem:
            # Otherwise it stays in the journal as running, and the first error counts.
            if problem.reason is Reason.STEP_UNKNOWN or executor.stop.requested:
                raise
        return True

    def _time_limit(self) -> Deadline:
        """Until when the statement may run: the run's policy counts only inside transactions."""
        seconds = self.file.script.script.timeout_seconds
        if seconds is None or seconds > self.file.deadline.remaining:
            return self.file.deadline
        return Deadline(self.file.executor.clock, seconds, name="timeout")

    def _exceeded(self, error: MigrationError) -> Failure:
        seconds = self.file.script.script.timeout_seconds
        if seconds is None or self.file.deadline.passed:
            return self.file.deadline.exceeded(error)
        return timed_out(error, seconds)

    def _keep(self, step: Step) -> None:
        executor = self.file.executor
        with session.transaction(executor.connection):
            executor.lease.guard()
            self.file.keep(step)

    def _forget(self, step: Step) -> None:
        executor = self.file.executor
        session.reset(executor.connection, executor.server)
        with session.transaction(executor.connection):
            executor.lease.guard()
            journal.forget(executor.lease.ledger, step)

    def _placed(self, error: MigrationError) -> MigrationError:
        return type(error)(
            error.reason,
            error.message,
            hint=error.hint,
            location=self.file.script.script.location(self._statement.offset),
            sqlstate=error.sqlstate,
            statement=self._statement.kind,
        )

    @property
    def _statement(self) -> Statement:
        return self.file.script.statements[self.start]
