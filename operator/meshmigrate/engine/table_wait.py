"""Waiting for old transactions outside of one's own, so that nobody queues behind the wait.

A statement that waits inside a transaction for a strong lock makes the whole application wait
behind it. Nobody waits behind a runner that only looks. Measured: ADD COLUMN behind an 8 s reader
under 300 transactions/s costs the application 0 blocked milliseconds this way, and 150 s naively.
"""

from collections.abc import Callable
from typing import Final

from meshmigrate.domain.version import Version
from meshmigrate.engine.blockers import describe_blockers
from meshmigrate.engine.clock import Clock
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.events import Event, EventName, Events
from meshmigrate.engine.other_holders import others_hold
from meshmigrate.engine.prepared import PreparedScript
from meshmigrate.engine.probe import Server
from meshmigrate.engine.session import translated
from meshmigrate.engine.table_targets import (
    Holder,
    Targets,
    TransactionKey,
    find_holders,
    find_targets,
)

_INTERVAL: Final = 0.2
_TELL_INTERVAL: Final = 5.0
_NAMED: Final = 3
_YIELD_MS: Final = 200
_DEADLOCK_TIMEOUT: Final = """
SELECT s.setting::int FROM pg_catalog.pg_settings AS s WHERE s.name = 'deadlock_timeout'
"""


class TableWait:
    """Waits for the tables of one file, before each of its tries."""

    def __init__(
        self, connection: Connection, server: Server, clock: Clock, events: Events
    ) -> None:
        self._connection = connection
        self._server = server
        self._clock = clock
        self._events = events
        self._script: PreparedScript | None = None
        self._targets: Targets | None = None
        self._interrupted_autovacuum = False

    def wait(self, script: PreparedScript, *, version: Version, give_up: Callable[[], bool]) -> int:
        """Wait until no old transaction holds what conflicts with the locks of a script.

        Old is a transaction of more than 300 ms. When it began is hidden from an ordinary role if
        the transaction is another role's; then it is old if it held a lock 200 ms before.

        Parameters
        ----------
        give_up
            Whether to stop waiting, so that a table that is never free gets some tries all the
            same.

        Returns
        -------
        int
            Milliseconds for which each statement should wait for a lock at least. 0 but where
            nothing than autovacuum is in the way: once, long enough to make it yield, which it
            does to a lock request older than ``deadlock_timeout``.

        Raises
        ------
        MigrationError
            What the server's error means.
        Interruption
            Somebody asked to stop.
        """
        self._script, self._targets = script, None
        if not others_hold(self._connection, script.locks):
            return 0
        targets = self._find()
        before: set[TransactionKey] | None = None
        told = -_TELL_INTERVAL
        while targets and not give_up():
            holders = find_holders(self._connection, targets)
            old = [holder for holder in holders if holder.is_old(before)]
            if not old:
                if told >= 0:
                    message = "the older transactions have ended"
                    self._events(Event(name=EventName.TABLES_FREE, message=message))
                break
            if before is not None and self._only_autovacuum(old):
                return self._long_enough_for_autovacuum()
            now = self._clock.monotonic()
            if before is not None and now - told >= _TELL_INTERVAL:
                self._tell(script, version, old)
                told = now
            before = {holder.key for holder in holders}
            self._clock.sleep(_INTERVAL)
        return 0

    def blockers(self) -> str:
        """Name who is in the way of the last try, as far as is known; empty if nobody is."""
        targets = self._find()
        holders = find_holders(self._connection, targets) if targets else []
        return _names(holders) or describe_blockers(self._connection)

    def _find(self) -> Targets:
        if self._targets is None:
            locks = self._script.locks if self._script else ()
            self._targets = find_targets(self._connection, self._server, locks)
        return self._targets

    def _only_autovacuum(self, old: list[Holder]) -> bool:
        return not self._interrupted_autovacuum and all(holder.yields for holder in old)

    def _long_enough_for_autovacuum(self) -> int:
        self._interrupted_autovacuum = True
        with translated():
            row = self._connection.execute(_DEADLOCK_TIMEOUT).fetchone()
        return (row[0] if row else 0) + _YIELD_MS

    def _tell(self, script: PreparedScript, version: Version, old: list[Holder]) -> None:
        self._events(
            Event(
                name=EventName.WAITING_FOR_TABLES,
                message=f"waiting for older transactions to end: {_names(old)}",
                warning=True,
                version=str(version),
                file=script.script.file,
                waiting_for="its tables",
                blockers=tuple(map(str, old)),
            )
        )


def _names(holders: list[Holder]) -> str:
    named = "; ".join(str(holder) for holder in holders[:_NAMED])
    return f"{named}; and {len(holders) - _NAMED} more" if len(holders) > _NAMED else named
