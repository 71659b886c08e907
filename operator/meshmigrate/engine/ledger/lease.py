"""The fence: who may write. No clock decides it, only the database.

The lock alone is not enough: a process that was frozen, lost its session and with it the lock,
and then goes on, must find out before it writes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, LiteralString
from uuid import UUID

from meshmigrate.domain.errors import Interruption, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.engine import identity
from meshmigrate.engine.deferred import WorkingConnection
from meshmigrate.engine.identity import Identity
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.lock import HELD_BY_US, LOCK_KEY
from meshmigrate.engine.other_holders import last_look

_TAKE = """
UPDATE {ledger}.lease AS l
SET epoch = l.epoch + 1, holder = %(holder)s, run_id = %(run_id)s,
    backend_pid = pg_catalog.pg_backend_pid(),
    backend_start = (SELECT a.backend_start FROM pg_catalog.pg_stat_activity AS a
                     WHERE a.pid = pg_catalog.pg_backend_pid()),
    acquired_at = pg_catalog.clock_timestamp()
WHERE l.id = 1 RETURNING l.epoch
"""
# FOR SHARE: whoever takes the lease over has to wait for our open transaction.
_GUARD = (
    """
SELECT l.epoch, l.holder, pg_catalog.pg_current_xact_id()::text, """
    + HELD_BY_US
    + ","
    + identity.COLUMNS
    + """
FROM {ledger}.lease AS l WHERE l.id = 1 FOR SHARE OF l
"""
)
# In front of a script nobody reads the answer before the script runs: a lease that is not ours is
# an error there, and nothing behind it is run. CASE decides before the cast is made, as what it
# depends on is read from a table (PostgreSQL manual, "Expression Evaluation Rules").
_GUARD_IN_FRONT: Final[LiteralString] = (
    """
SELECT pg_catalog.pg_current_xact_id()::text, (CASE WHEN
    l.epoch = %(epoch)s::bigint AND l.holder = %(holder)s::uuid AND {locked} ("""
    + identity.COLUMNS
    + """) = (%(system_identifier)s::text, %(timeline)s::text)
    THEN '1' ELSE 'meshmigrate looks again' END)::integer
FROM {ledger}.lease AS l WHERE l.id = 1 FOR SHARE OF l
"""
)
# Two statements, as the server would plan one for both anew each time (measured: 0.05 ms a file).
_GUARD_LOCK_SEEN: Final[LiteralString] = _GUARD_IN_FRONT.replace("{locked}", "")
_GUARD_AND_LOCK: Final[LiteralString] = _GUARD_IN_FRONT.replace("{locked}", HELD_BY_US + " AND")
_NO_NUMBER: Final = "22P02"
_GIVE_BACK = """
UPDATE {ledger}.lease
SET holder = NULL, run_id = NULL, backend_pid = NULL, backend_start = NULL, acquired_at = NULL
WHERE id = 1
"""
_READ = "SELECT epoch, holder FROM {ledger}.lease WHERE id = 1"
_IS_FREE = "SELECT holder IS NULL FROM {ledger}.lease WHERE id = 1"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write, as this process was given it."""

    ledger: Ledger
    epoch: int
    holder: UUID
    cluster: Identity
    """Where it was given."""

    def guard(self) -> str:
        """Begin a write transaction: hold off a takeover, and give the transaction's id.

        Raises
        ------
        Interruption
            ``Fenced``, or what ``Identity.refuse_failover`` says.
        """
        epoch, holder, transaction_id, locked, *now = self.ledger.row_often(
            _GUARD, {"key": LOCK_KEY}
        )
        self.cluster.refuse_failover(Identity(*now))
        if (epoch, holder, locked) != (self.epoch, self.holder, True):
            raise _fenced()
        return str(transaction_id)

    def begin(self, *, in_front: bool) -> Callable[[], str]:
        """Begin a write transaction as ``guard`` does; what is given gives its id.

        Parameters
        ----------
        in_front
            Whether to do it in the message of the script's first statement. Then the id is known
            when that has been answered. Where anything is wrong, it ends with an error of ours,
            and nothing else in it is run; ``has_stopped`` tells it, and ``guard`` what is wrong.
        """
        connection = self.ledger.connection
        if not (in_front and isinstance(connection, WorkingConnection)):
            transaction = self.guard()
            return lambda: transaction
        sight = last_look(connection)
        connection.answers = ()
        values = {
            "epoch": self.epoch,
            "holder": self.holder,
            "key": LOCK_KEY,
            "system_identifier": self.cluster.system_identifier,
            "timeline": self.cluster.timeline,
        }
        seen = sight is not None and sight.holds_lock
        self.ledger.write_often(_GUARD_LOCK_SEEN if seen else _GUARD_AND_LOCK, values)
        return partial(_first, connection)

    def has_stopped(self, error: MigrationError) -> bool:
        """Tell whether it was the guard in front of a script that ended the message."""
        return not self.is_answered and error.sqlstate == _NO_NUMBER

    @property
    def is_answered(self) -> bool:
        """Whether the guard in front of a script has let it run."""
        connection = self.ledger.connection
        return not isinstance(connection, WorkingConnection) or bool(connection.answers)

    def refuse_other_holder(self, ledger: Ledger) -> bool:
        """Refuse to take the lock again, on a new connection, if another runner had it meanwhile.

        Returns whether this process has taken the lease since: that answer was lost, too.

        An epoch below ours is no other runner's: the database has lost what we wrote, with a
        replica that took over or in a crash. Then the ledger says what is left, as to anybody.

        Raises
        ------
        Interruption
            ``Fenced``.
        """
        epoch, holder = ledger.row(_READ)
        ours = holder == self.holder or (holder is None and epoch == self.epoch)
        if not ours and epoch >= self.epoch:
            raise _fenced()
        return bool(ours and epoch > self.epoch)

    def give_back(self) -> None:
        """Say that nothing is under way, in a transaction that began with the guard."""
        self.ledger.execute(_GIVE_BACK)


def take(ledger: Ledger, run_id: UUID, holder: UUID, cluster: Identity) -> Lease:
    """Become the one who may write; the lock must be held.

    Parameters
    ----------
    holder
        A random token of this process: with it, a lease whose answer was lost is known again.
    """
    epoch: int = ledger.row(_TAKE, {"holder": holder, "run_id": run_id})[0]
    return Lease(ledger, epoch, holder, cluster)


def is_free(ledger: Ledger) -> bool:
    """Whether the last holder gave the lease back."""
    return bool(ledger.row(_IS_FREE)[0])


def _first(connection: WorkingConnection) -> str:
    """Give the first value of what was answered; empty if nothing was."""
    found = connection.answers[0].get_value(0, 0) if connection.answers else None
    return found.decode() if found else ""


def _fenced() -> Interruption:
    return Interruption(
        Reason.FENCED,
        "another runner took over: this one no longer holds the migration lock",
        hint="Nothing to do: the other one finishes the work.",
    )
