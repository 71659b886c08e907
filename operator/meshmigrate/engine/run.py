"""A run from its files to its result: the one sequence that every way of starting it shares."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from msgspec.structs import replace as with_fields

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.plan import Plan, make_plan
from meshmigrate.domain.retreat import is_retreat
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.version import Version
from meshmigrate.engine import conclude, forward, lock, session
from meshmigrate.engine.cancel import cancel, cancel_unknown
from meshmigrate.engine.connect import Connection, Credentials
from meshmigrate.engine.course import choose_course, planned, resume_course, start_course
from meshmigrate.engine.early import Known, end_early, end_up_to_date
from meshmigrate.engine.ending import Ending, LockedRun, stored_ending
from meshmigrate.engine.events import Event, EventName, UntilBroken
from meshmigrate.engine.executor import Executor
from meshmigrate.engine.ledger import history, lease, log, runs, schema
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.prepared import prepare_plan, prepare_script
from meshmigrate.engine.privileges import refuse_missing
from meshmigrate.engine.probe import Server
from meshmigrate.engine.reconnect import Link, keep_connected, take_lease
from meshmigrate.engine.recovery import settle_others
from meshmigrate.engine.retreat import begin_retreat, finish_way_back
from meshmigrate.engine.takeover import watch_holder
from meshmigrate.engine.tools import Tools
from meshmigrate.engine.wanted import Wanted, read_if_needed, read_wanted
from meshmigrate.engine.write_back import settle_write_back

Work = Callable[["Attempt"], Ending]


def run(
    spec: RunSpec,
    credentials: Credentials,
    tools: Tools,
    work: Work = lambda attempt: attempt.run(),
    read: Callable[[RunSpec], Wanted] = lambda spec: read_wanted(spec.folders, spec.target),
) -> Ending:
    """Bring the database to the run's target, or back to where it was, and say which.

    Other ``work`` does something else with the same connection, another ``read`` needs no files.
    Every expected end is an ending; an exception is a fault of this program, and even then the
    server rolls back what was open.
    """
    tools = replace(tools, events=UntilBroken(tools.events))
    known = Known(identity=spec.run, events=tools.events)
    try:
        tools.stop.check()
        wanted = known.wanted = read_if_needed(spec, read)
    except MigrationError as error:
        tools.stop.acknowledge()
        return end_early(known, error)

    def attempt(link: Link) -> Ending:
        return work(Attempt(spec, wanted, tools, known, link))

    return keep_connected(spec, credentials, tools, known, attempt)


@dataclass(slots=True)
class Attempt:
    """One attempt of a run, connected."""

    spec: RunSpec
    wanted: Wanted
    tools: Tools
    known: Known
    link: Link

    @property
    def connection(self) -> Connection:
        """The one that works."""
        return self.link.connection

    @property
    def server(self) -> Server:
        """The server as it was found."""
        return self.link.server

    def run(self) -> Ending:
        """Look without the lock first: most of the time there is nothing to do."""
        ledger = Ledger(self.connection, self.spec.ledger.schema)
        self._tell(EventName.CONNECTED, f"connected to database {self.server.database}")
        version = schema.find_version(ledger)
        if version:
            self.known.ledger = ledger
            stored = stored_ending(self.known.find_run(ledger))
            if stored is not None:
                return stored
        ledger = settle_write_back(ledger, self.spec, self.tools.events, exists=version > 0)
        if self.spec.run.intent == "undo":
            self.take_lock()
            return self.run_locked(ledger, self._cancel)
        if not (version and runs.turned_back(ledger, self.spec.run.id)):
            self.wanted.refuse_problem()
        if not (version and (runs.unfinished(ledger) or self._lower_target(ledger))):
            plan = self._plan(ledger if version else None)
            pending = prepare_plan(plan, self.wanted.source.final_checks)
            choose_course(pending, self.spec.policy, self.known.ledger)
            new_ledger = None if version else ledger.schema
            refuse_missing(self.connection, self.server, pending, new_ledger=new_ledger)
            if not plan.pending and schema.is_current(version) and lease.is_free(ledger):
                return end_up_to_date(self.known)
        self.take_lock()
        return self.run_locked(ledger, self._go)

    def take_lock(self) -> None:
        """Wait for the migration lock, and hold it until the end."""
        watch = watch_holder(self.connection, self.spec, self.tools)
        timeout = self.spec.policy.lock.acquire_timeout_seconds
        self.known.lock_wait_seconds += lock.acquire(
            self.connection, timeout, self.tools.clock, watch
        )
        self.link.cleanup.callback(lock.release, self.connection)
        if self.tools.watch is not None:
            self.link.cleanup.enter_context(self.tools.watch(self.connection))
        self._tell(EventName.LOCKED, "holding the migration lock")

    def bring_up_to_date(self, ledger: Ledger) -> None:
        """Create the ledger or upgrade it; the lock must be held."""
        if schema.upgrade(ledger, self.server, schema.find_version(ledger)):
            self._tell(EventName.LEDGER_UPGRADED, f"ledger schema '{ledger.schema}' upgraded")
        session.reset(self.connection, self.server)
        self.known.ledger = ledger

    def run_locked(self, ledger: Ledger, go: Callable[[LockedRun, Run | None], Ending]) -> Ending:
        """Look again, now that nobody else can change anything, and act.

        What was left unfinished comes to its end first; ``go`` does what is new.
        """
        self.bring_up_to_date(ledger)
        mine = self.known.find_run(ledger)
        stored = stored_ending(mine)
        if stored is not None:
            return stored
        locked = self.take_lease(ledger)
        if self.spec.run.intent == "apply":
            settle_others(locked)
        if mine is not None and mine.way_back is not None:
            locked = self._resumed(locked, mine)
            return finish_way_back(locked, replace(mine, attempt=locked.identity.attempt))
        return go(locked, mine)

    def take_lease(self, ledger: Ledger) -> LockedRun:
        """Become the one who may write; the lock must be held."""
        taken = take_lease(self.link, ledger, self.known)
        executor = Executor(
            connection=self.connection,
            server=self.server,
            lease=taken,
            policy=self.spec.policy,
            clock=self.tools.clock,
            stop=self.tools.stop,
            events=self.tools.events,
            in_flight=self.known.in_flight,
            activity=self.tools.activity,
        )
        return LockedRun(
            identity=self.spec.run,
            wanted=self.wanted,
            ledger=ledger,
            server=self.server,
            lease=taken,
            executor=executor,
            deadlines=self.link.deadlines,
            events=self.tools.events,
            lock_wait_seconds=self.known.lock_wait_seconds,
        )

    def _cancel(self, locked: LockedRun, mine: Run | None) -> Ending:
        if mine is None:
            return cancel_unknown(locked, self.spec)
        return cancel(self._resumed(locked, mine), mine, self.spec)

    def _go(self, locked: LockedRun, mine: Run | None) -> Ending:
        self.wanted.refuse_problem()
        lower = self._lower_target(locked.ledger) if mine is None else None
        if lower is not None:
            return self.retreat(locked, lower)
        connected_again = self.known.started
        plan = self._plan(locked.ledger)
        pending = prepare_plan(plan, self.wanted.source.final_checks)
        if mine is None:
            if not plan.pending:
                return end_up_to_date(self.known)
            refuse_missing(self.connection, self.server, pending)
            course = choose_course(pending, self.spec.policy, locked.ledger)
            start_course(locked, self.spec, plan, course)
            self.known.started = True
        else:
            runs.refuse_other_plan(mine, plan)
            locked = self._resumed(locked, mine)
            course = resume_course(locked, mine, pending)
        self.known.course = course
        locked = replace(locked, course=course)
        if not connected_again:
            self.tools.events(planned(course))
        checks = map(prepare_script, self.wanted.source.final_checks)
        stumbled = forward.apply(locked, pending, tuple(checks))
        return conclude.stumble(locked, stumbled) if stumbled else conclude.succeed(locked)

    def retreat(self, locked: LockedRun, target: Version) -> Ending:
        """Go back to a version on purpose."""
        run = begin_retreat(locked, self.spec, target)
        self.known.started = True
        return finish_way_back(locked, run)

    def _resumed(self, locked: LockedRun, mine: Run) -> LockedRun:
        """Count another attempt of a run that the ledger knows; a new connection is none."""
        counted = self.known.started or self.link.resumed
        self.known.started = True
        if counted:
            return replace(locked, identity=self.known.identity)
        with session.transaction(self.connection):
            locked.lease.guard()
            attempt = runs.resume(locked.ledger, mine.id, self.spec.run.attempt)
            resumed = log.Entry(event="Resumed", run_id=self.spec.run.id, attempt=attempt)
            log.append(locked.ledger, resumed)
        self.known.identity = with_fields(self.spec.run, attempt=attempt)
        return replace(locked, identity=self.known.identity)

    def _plan(self, ledger: Ledger | None) -> Plan:
        applied = history.read(ledger) if ledger is not None else ()
        self.known.present = tuple(row.version for row in applied)
        return make_plan(
            self.wanted.source,
            applied,
            target=self.wanted.target,
            run_id=self.spec.run.id,
            out_of_order=self.spec.policy.out_of_order,
        )

    def _lower_target(self, ledger: Ledger) -> Version | None:
        """Give the target if it lies below the current version and going back is allowed."""
        target = self.wanted.target
        if target is None or not self.spec.allow_rollback:
            return None
        applied = history.read(ledger)
        self.known.present = tuple(row.version for row in applied)
        goes_back = is_retreat(applied, target, self.wanted.source)
        return target if goes_back else None

    def _tell(self, name: EventName, message: str) -> None:
        self.tools.events(Event(name=name, message=message))
