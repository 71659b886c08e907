"""One file, or several, in one transaction, together with their rows in the ledger."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

from meshmigrate.domain.errors import Interruption, MigrationError
from meshmigrate.domain.runspec import Policy
from meshmigrate.domain.script import Script, Statement
from meshmigrate.engine import session
from meshmigrate.engine.activity import Activity
from meshmigrate.engine.clock import Clock, Deadline
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.events import Event, EventName, Events
from meshmigrate.engine.in_flight import Commit, InFlight
from meshmigrate.engine.ledger.lease import Lease
from meshmigrate.engine.limits import Limits, explained, pause_seconds
from meshmigrate.engine.other_holders import commit_and_look
from meshmigrate.engine.prepared import PreparedScript
from meshmigrate.engine.probe import Server
from meshmigrate.engine.script_end import EndsApart, ScriptEnds
from meshmigrate.engine.server_error import blame, is_worth_another_try
from meshmigrate.engine.spans import part_span
from meshmigrate.engine.statements import run_checks, run_statements, settle
from meshmigrate.engine.stop import Stop
from meshmigrate.engine.table_wait import TableWait
from meshmigrate.engine.work import Part, Work


@dataclass(frozen=True, slots=True)
class Executor:
    """Runs files on the working connection."""

    connection: Connection
    server: Server
    lease: Lease
    policy: Policy
    clock: Clock
    stop: Stop
    events: Events
    in_flight: InFlight
    activity: Activity = field(default_factory=Activity)
    jitter: Callable[[], float] = random.random

    def run(
        self,
        work: Work,
        record: Callable[[], None],
        *,
        deadline: Deadline,
        lock_deadline: Deadline,
    ) -> None:
        """Run a file in a transaction, as ``run_together`` does with several."""
        self.run_together([Part(work)], record, deadline=deadline, lock_deadline=lock_deadline)

    def run_together(
        self,
        parts: Sequence[Part],
        record: Callable[[], None],
        *,
        deadline: Deadline,
        lock_deadline: Deadline,
    ) -> None:
        """Run files in one transaction; when a lock is not to be had, all of it is tried again.

        Before each try, and outside of a transaction, old transactions that are in the way of
        any of the files are waited for.

        Parameters
        ----------
        record
            Writes the ledger's rows, at the end of the transaction.
        deadline
            Until when statements may run.
        lock_deadline
            Until when it may be tried again.

        Raises
        ------
        Failure
            What a statement or a check did wrong, or ``DeadlineExceeded``.
        LockTimeout
            ``TableLockTimeout``.
        Interruption
            The connection was lost, or somebody asked to stop.
        """
        last = parts[-1].work.script.script.file if len(parts) > 1 else ""
        for script in chain.from_iterable((p.work.script, *p.work.checks) for p in parts):
            self.in_flight.refuse_suspect(script.script, script.statements, last=last)
        attempt, first, reached = 1, parts[0].work, [parts[0].work]
        statements = chain.from_iterable(part.work.script.statements for part in parts)
        together = PreparedScript(first.script.script, tuple(statements))
        tables = TableWait(self.connection, self.server, self.clock, self.events)
        in_front = len(parts) == 1 and bool(together.statements) and not self.in_flight.one_by_one
        ends_apart = self.in_flight.one_by_one
        while True:
            self.stop.check()
            if deadline.passed:
                raise deadline.exceeded()
            limits = Limits(
                self.connection,
                timeout_seconds=self.policy.statement_timeout_seconds,
                deadline=deadline,
                clock=self.clock,
                attempt=attempt,
            )
            ends = ScriptEnds(
                self.connection, self.server, limits, apart=ends_apart, shared=len(parts) > 1
            )
            try:
                shortest_ms = tables.wait(
                    together,
                    version=first.version,
                    give_up=lambda: deadline.passed or lock_deadline.half_passed,
                )
                limits.outlast(shortest_ms)
                self._try(parts, record, limits, ends, reached.append, in_front=in_front)
            except EndsApart:
                ends_apart = True
            except MigrationError as error:
                if in_front and self.lease.has_stopped(error):
                    in_front = False
                    continue
                self.in_flight.answered(error)
                ends.refuse_committed(reached[-1].script.script, error)
                if ends.stopped_by_what_waits(error):
                    ends_apart = True
                    continue
                if not is_worth_another_try(error):
                    ran = (first.script.script, reached[-1].script.script)
                    began = not in_front or self.lease.is_answered
                    told = blame(error, *ran) if began else error
                    raise explained(told, limits, deadline, self.stop) from error.__cause__
                self.pause(reached[-1], error, attempt, lock_deadline, tables.blockers)
                attempt += 1
            else:
                return

    def _try(
        self,
        parts: Sequence[Part],
        record: Callable[[], None],
        limits: Limits,
        ends: ScriptEnds,
        reached: Callable[[Work], None],
        *,
        in_front: bool,
    ) -> None:
        self.in_flight.commit = None
        session.reset(self.connection, self.server)
        with session.transaction(self.connection, commit_and_look):
            ends.own_transaction = self.lease.begin(in_front=in_front)
            with self.activity.of_a_file():
                for part in parts:
                    if part is not parts[0]:
                        session.reset(self.connection, self.server)
                    reached(part.work)
                    self.in_flight.version = part.work.version
                    with part_span(part.work.script.script, part.work.version, of=len(parts)):
                        part.begins()
                        part.ended(self._run(part.work, limits, ends, last=part is parts[-1]))
            record()
            if not self.in_flight.one_by_one:
                session.commit_without_flush(self.connection)
            self.in_flight.commit = Commit(
                ends.own_transaction(), parts[-1].work.script.script.file
            )
        self.in_flight.commit = None

    def _run(self, work: Work, limits: Limits, ends: ScriptEnds, *, last: bool) -> str:
        ends.look_ahead(work)
        session.enter_script(self.connection, self.server)
        script = work.script.script
        result = run_statements(
            self.connection,
            script,
            work.settings + work.script.statements,
            before=self._before(limits, script),
            one_by_one=self.in_flight.one_by_one,
            expired=limits.expired,
            end=ends.together(work, last=last),
        )
        if result is not None:
            return ends.left(result, script)
        limits.restore()
        settle(self.connection, script, by_name=not last)
        for check in work.checks:
            session.enter_script(self.connection, self.server)
            before = self._before(limits, check.script)
            run_checks(self.connection, check.script, check.statements, before=before)
        return ends.leave(script)

    def _before(self, limits: Limits, script: Script) -> Callable[[Statement], None]:
        limits.begin(script)

        def prepare(statement: Statement) -> None:
            self.stop.check()
            limits.prepare(statement)
            self.activity.begin(script, statement)

        return prepare

    def pause(
        self,
        work: Work,
        error: MigrationError,
        attempt: int,
        lock_deadline: Deadline,
        name_blockers: Callable[[], str],
    ) -> None:
        """Wait before another try, or raise the error if there is no time for one."""
        blockers = self._told(name_blockers)
        pause = pause_seconds(attempt, self.jitter())
        held_by = f"; table locks are held by {blockers}" if blockers else ""
        if pause >= lock_deadline.remaining:
            raise type(error)(
                error.reason,
                f"{error.message}, tried {attempt} times{held_by}",
                hint="End the sessions that are in the way, or run at a quieter time.",
                location=error.location,
                sqlstate=error.sqlstate,
                statement=error.statement,
            ) from error
        self.events(
            Event(
                name=EventName.TABLE_LOCK_RETRY,
                message=f"{error.message}; try {attempt + 1} in {pause:.1f} s{held_by}",
                warning=True,
                version=str(work.version),
                file=str(error.location or work.script.script.file),
                waiting_for="a table lock",
                blockers=(blockers,) if blockers else (),
            )
        )
        self.clock.sleep(pause)

    def _told(self, name_blockers: Callable[[], str]) -> str:
        """Name who holds table locks; that this could not be told is no failure of the file."""
        try:
            return name_blockers()
        except Interruption:
            raise
        except MigrationError:
            self.stop.check()
            return ""
