"""A run keeps its promise over lost connections: it connects again and goes on from the ledger.

A new connection works like another attempt of the run, in the same process and without counting
as one: what is applied is read again, and nothing is taken for granted that was not committed.
"""

from collections.abc import Callable
from contextlib import ExitStack, closing
from copy import copy
from dataclasses import dataclass, replace

from meshmigrate.domain.errors import Interruption, MigrationError, Refusal
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection, Connector, Credentials
from meshmigrate.engine.deadlines import Deadlines
from meshmigrate.engine.early import Known, end_early
from meshmigrate.engine.ending import Ending, stored_ending
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.in_flight import InFlight
from meshmigrate.engine.ledger import lease, losses, runs, schema
from meshmigrate.engine.ledger.lease import Lease
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.persistence import Persistence
from meshmigrate.engine.privileges import refuse_role
from meshmigrate.engine.probe import Server, examine
from meshmigrate.engine.server_error import is_cancelled
from meshmigrate.engine.stop import interruption
from meshmigrate.engine.tools import Tools


@dataclass(frozen=True, slots=True)
class Lost:
    """What a connection that was lost has left open."""

    error: MigrationError
    server: Server
    lease: Lease | None
    in_flight: InFlight

    def check(self, ledger: Ledger) -> bool:
        """Make sure that nobody else had the lock meanwhile; nothing is written before.

        Returns whether this loss is accounted for already.

        Raises
        ------
        Interruption
            ``Fenced``.
        """
        return self.lease is not None and self.lease.refuse_other_holder(ledger)

    def account(self, ledger: Ledger, known: Known, server: Server) -> None:
        """Find out about a lost COMMIT and write the loss down, with the lease ours again.

        Raises
        ------
        Interruption
            ``CommitUnknown``.
        """
        commit = self.in_flight.commit
        if commit is not None and self.server.cluster == server.cluster:
            committed = losses.was_committed(ledger, known.identity.id, commit)
            word = "was committed" if committed else "was rolled back"
            message = f"the COMMIT of {commit.file} was not answered: the transaction {word}"
            known.events(Event(name=EventName.RECOVERING, message=message))
        losses.record(ledger, known.identity, self.in_flight, self.error)


@dataclass(frozen=True, slots=True)
class Link:
    """A connection that works, and what an earlier one has left open."""

    connection: Connection
    server: Server
    cleanup: ExitStack
    deadlines: Deadlines
    lost: Lost | None

    @property
    def resumed(self) -> bool:
        """Whether this attempt has had the lease before: it has been counted."""
        return self.lost is not None and self.lost.lease is not None


def take_lease(link: Link, ledger: Ledger, known: Known) -> Lease:
    """Become the one who may write, having settled what an earlier connection has left open.

    The lock must be held.

    Raises
    ------
    Interruption
        ``Fenced`` or ``CommitUnknown``.
    """
    run_id, server = known.identity.id, link.server
    with session.transaction(link.connection):
        if link.lost is not None and not link.lost.check(ledger):
            link.lost.account(ledger, known, server)
        taken = lease.take(ledger, run_id, known.holder, server.cluster)
    known.lease = taken
    suspect = losses.find_suspect(ledger, run_id)
    known.in_flight.begin(suspect, one_by_one=link.lost is not None)
    return taken


def keep_connected(
    spec: RunSpec,
    credentials: Credentials,
    tools: Tools,
    known: Known,
    work: Callable[[Link], Ending],
) -> Ending:
    """Do the work, on as many connections as it takes, until it ends or a deadline has passed."""
    connector = _connector(spec, credentials, tools)
    deadlines = Deadlines(tools.clock, spec.policy)
    persistence = Persistence(tools, deadlines)
    lost: Lost | None = None
    failed: MigrationError | None = None
    pause = 0.0
    while True:
        with ExitStack() as cleanup:
            try:
                if failed is not None:
                    persistence.wait(failed, pause)
                tools.stop.check()
                connection = cleanup.enter_context(closing(connector.connect()))
                tools.stop.attach(connection)
                with session.translated():
                    server = _probe(connection, connector, spec, known)
                    persistence.connected()
                    known.connection, known.server = connection, server
                    link = Link(connection, server, cleanup, deadlines, lost)
                    return _finished(link, spec, known) or work(link)
            except MigrationError as error:
                stopped = tools.stop.requested and is_cancelled(error)
                again = None if stopped else persistence.pause_after(error)
                if again is None:
                    tools.stop.acknowledge()
                    last = interruption() if stopped else persistence.last_word(error)
                    return end_early(known, _late(last, known))
                failed, pause = error, again
                lost = _lose(known, error, lost)


def _finished(link: Link, spec: RunSpec, known: Known) -> Ending | None:
    """Look whether the COMMIT that was lost was that of the run's end."""
    if link.lost is None:
        return None
    ledger = Ledger(link.connection, spec.ledger.schema)
    if not schema.find_version(ledger):
        return None
    stored = stored_ending(runs.find(ledger, spec.run.id))
    if stored is None:
        # Also here, so that one who was overtaken does not wait for the lock first.
        link.lost.check(ledger)
        return None
    message = f"{stored.outcome}: the run had ended when the connection was lost"
    known.events(Event(name=EventName.FINISHED, message=message))
    return stored


def _lose(known: Known, error: MigrationError, before: Lost | None) -> Lost | None:
    """Keep what is needed later; a connection that got no further than this adds nothing."""
    server = known.server
    if server is not None and (before is None or known.lease is not None):
        before = Lost(error, server, known.lease, copy(known.in_flight))
    # What hangs on the connection goes with it.
    known.connection = known.lease = known.ledger = None
    return before


def _late(error: MigrationError, known: Known) -> MigrationError:
    """Say that a run that has begun is interrupted, where a new connection was refused."""
    if known.started and known.connection is None and isinstance(error, Refusal):
        return Interruption(error.reason, error.message, hint=error.hint)
    return error


def _connector(spec: RunSpec, credentials: Credentials, tools: Tools) -> Connector:
    def tell(message: str) -> None:
        tools.events(
            Event(
                name=EventName.WAITING_FOR_CREDENTIALS,
                message=message,
                warning=True,
                waiting_for="a password that the server accepts",
            )
        )

    # What an earlier attempt of the run was let in with may have been changed since.
    before = spec.run.attempt > 1
    return Connector(credentials, spec.run.id, tools.clock, had_success=before, tell=tell)


def _probe(connection: Connection, connector: Connector, spec: RunSpec, known: Known) -> Server:
    """Ask what the server is; after a lost connection it has to be the same database."""
    server = replace(examine(connection, connector.connect), access=spec.database)
    before = known.server
    if before is not None:
        before.refuse_another(server)
        if before.cluster != server.cluster:
            message = (
                f"the server failed over to timeline {server.cluster.timeline}: what is applied "
                "is read again from there"
            )
            known.events(Event(name=EventName.RECOVERING, message=message, warning=True))
        # The run began when it first saw the server, also where this one's clock is behind.
        server = replace(server, clock=before.clock)
    session.reset(connection, server)
    refuse_role(connection, server)
    return server
