"""A run from its files to its result: the one sequence that every way of starting it shares."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from msgspec.structs import replace as with_fields

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.version import Version
from meshmigrate.engine import conclude, forward, lock, session
from meshmigrate.engine.all_applied import is_all_applied
from meshmigrate.engine.cancel import cancel, cancel_unknown
from meshmigrate.engine.connect import Connection, Credentials
from meshmigrate.engine.course import (
    choose_course,
    count_attempt,
    resume_course,
    start_course,
    tell_course,
)
from meshmigrate.engine.declaration import write, write_first
from meshmigrate.engine.early import Known, end_early, end_up_to_date
from meshmigrate.engine.ending import Ending, LockedRun, stored_ending
from meshmigrate.engine.events import Event, EventName, UntilBroken
from meshmigrate.engine.holding import hold
from meshmigrate.engine.ledger import history, lease, runs, schema
from meshmigrate.engine.ledger.runs import Run
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.planning import await_approval, show_plan
from meshmigrate.engine.prepared import prepare_plan, prepare_script
from meshmigrate.engine.privileges import refuse_missing
from meshmigrate.engine.probe import Server
from meshmigrate.engine.prospect import Prospect, look_ahead
from meshmigrate.engine.reconnect import Link, keep_connected
from meshmigrate.engine.recovery import settle_others
from meshmigrate.engine.retreat import begin_retreat, finish_way_back
from meshmigrate.engine.takeover import watch_holder
from meshmigrate.engine.tools import Tools
from meshmigrate.engine.wanted import Wanted, read_if_needed, read_wanted
from meshmigrate.engine.write_back import settle_write_back
from meshmigrate.observe.traces import span

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
    known = Known(identity=spec.run, events=tools.events, activity=tools.activity)
    try:
        tools.stop.check()
        wanted = known.wanted = read_if_needed(spec, read)
    except MigrationError as error:
        tools.stop.acknowledge()
        return end_early(known, error)

    def attempt(link: Link) -> Ending:
        with span("attempt", lambda: {"db.namespace": link.server.database}):
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
        sight, mine = self._look(ledger), None
        if sight.ledger_version:
            # A plan that is refused writes no log either.
            self.known.ledger = None if self.spec.run.intent == "plan" else ledger
            mine = self.known.find_run(ledger)
            if (stored := stored_ending(mine)) is not None:
                return stored
        exists = sight.ledger_version > 0
        ledger = settle_write_back(ledger, self.spec, self.tools.events, exists=exists)
        sight = replace(sight, ledger=ledger)
        if self.spec.run.intent == "undo":
            self.take_lock()
            return self.run_locked(ledger, self._cancel)
        if self.spec.run.intent == "plan":
            return show_plan(sight, self.wanted, self.spec, self.known)
        if mine is None or mine.way_back is None:
            self.wanted.refuse_problem()
        waiting = None if mine else self._await_approval(sight)
        return waiting or self._go_locked(sight)

    def _go_locked(self, sight: Sight) -> Ending:
        """Refuse without the lock what can be, and go where there is something to do."""
        ledger, version = sight.ledger, sight.ledger_version
        if not (version and runs.unfinished(ledger)):
            if version and is_all_applied(sight, self.wanted, self.spec):
                self.known.present = tuple(each.version for each in self.wanted.source.migrations)
                return end_up_to_date(self.known)
            ahead = self._look_ahead(sight)
            pending = prepare_plan(ahead.plan, self.wanted.source.final_checks)
            choose_course(pending, self.spec.policy, self.connection, self.known.ledger)
            new_ledger = None if version else ledger.schema
            refuse_missing(self.connection, self.server, pending, new_ledger=new_ledger)
            if ahead.empty and schema.is_current(version) and lease.is_free(ledger):
                return end_up_to_date(self.known)
        self.take_lock()
        return self.run_locked(ledger, self._go)

    def take_lock(self) -> None:
        """Wait for the migration lock, and hold it until the end."""
        watch = watch_holder(self.connection, self.spec, self.tools)
        timeout = self.spec.policy.lock.acquire_timeout_seconds
        waited = lock.acquire(self.connection, timeout, self.tools.clock, watch)
        self.known.lock_wait_seconds += waited
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
        if (stored := stored_ending(mine)) is not None:
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
        return hold(self.link, ledger, self.spec, self.wanted, tools=self.tools, known=self.known)

    def _cancel(self, locked: LockedRun, mine: Run | None) -> Ending:
        if mine is None:
            return cancel_unknown(locked, self.spec)
        return cancel(self._resumed(locked, mine), mine, self.spec)

    def _go(self, locked: LockedRun, mine: Run | None) -> Ending:
        self.wanted.refuse_problem()
        sight = self._look(locked.ledger)
        waiting = None if mine else self._await_approval(sight)
        if waiting is not None:
            return waiting
        connected_again = self.known.started
        ahead = self._look_ahead(sight, begun=mine is not None)
        pending = prepare_plan(ahead.plan, self.wanted.source.final_checks)
        if mine is None:
            if ahead.empty:
                return end_up_to_date(self.known)
            refuse_missing(self.connection, self.server, pending)
            course = choose_course(pending, self.spec.policy, self.connection, locked.ledger)
            if (ending := self._before_files(locked, ahead)) is not None:
                return ending
            start_course(locked, self.spec, ahead.plan, course)
            self.known.started = True
        else:
            runs.refuse_other_plan(mine, ahead.plan)
            locked = self._resumed(locked, mine)
            course = resume_course(locked, mine, pending)
        self.known.course = course
        locked = replace(locked, course=course)
        if not connected_again:
            tell_course(course, self.tools.events)
        checks = map(prepare_script, self.wanted.source.final_checks)
        stumbled = forward.apply(locked, pending, tuple(checks))
        return conclude.stumble(locked, stumbled) if stumbled else conclude.succeed(locked)

    def _before_files(self, locked: LockedRun, ahead: Prospect) -> Ending | None:
        """Make the history say what it is to say; the end where no file is to be applied."""
        if not (ahead.plan.pending or ahead.leaving):
            return write(locked, self.spec, ahead.declaration)
        if ahead.declaration.versions:
            write_first(locked, self.spec, ahead.declaration)
        if ahead.leaving and self.wanted.target is not None:
            return self.retreat(locked, self.wanted.target, ahead.plan.digest)
        return None

    def retreat(self, locked: LockedRun, target: Version, digest: str | None = None) -> Ending:
        """Go back to a version on purpose."""
        run = begin_retreat(locked, self.spec, target, digest)
        self.known.started = True
        return finish_way_back(locked, run)

    def _resumed(self, locked: LockedRun, mine: Run) -> LockedRun:
        """Count another attempt of a run that the ledger knows; a new connection is none."""
        counted = self.known.started or self.link.resumed
        self.known.started = True
        if counted:
            return replace(locked, identity=self.known.identity)
        attempt = count_attempt(locked, mine, self.spec.run.attempt)
        self.known.identity = with_fields(self.spec.run, attempt=attempt)
        return replace(locked, identity=self.known.identity)

    def _look(self, ledger: Ledger) -> Sight:
        return Sight(self.server, ledger, schema.find_version(ledger))

    def _await_approval(self, sight: Sight) -> Ending | None:
        return await_approval(sight, self.wanted, self.spec, self.known)

    def _look_ahead(self, sight: Sight, *, begun: bool = False) -> Prospect:
        present = history.read(sight.ledger) if sight.ledger_version else ()
        self.known.present = tuple(row.version for row in present)
        return look_ahead(self.spec, self.wanted, sight, present, begun=begun)

    def _tell(self, name: EventName, message: str) -> None:
        self.tools.events(Event(name=name, message=message))
