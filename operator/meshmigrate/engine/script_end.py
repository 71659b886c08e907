"""The end of a script: what waited is checked, the session taken back, its transaction compared.

Where it can, that travels in the message of the script's last statement.
"""

from collections.abc import Callable
from typing import Final

from psycopg.pq import TransactionStatus
from psycopg.pq.abc import PGresult

from meshmigrate.domain.errors import Failure, Interruption, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script
from meshmigrate.domain.sqlstate import SqlState
from meshmigrate.engine import script_left, session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.constraints import (
    ANY_CAN_WAIT,
    any_can_wait,
    change_data,
    may_hide,
    may_let_wait,
)
from meshmigrate.engine.deferred import WorkingConnection
from meshmigrate.engine.limits import Limits
from meshmigrate.engine.probe import Server
from meshmigrate.engine.script_left import Left
from meshmigrate.engine.statements import SETTLE, End
from meshmigrate.engine.work import Work

_TRUE: Final = "t"
_IS_COMMITTED: Final = """
SELECT pg_catalog.pg_xact_status(%(transaction)s::pg_catalog.xid8) = 'committed'
"""


class EndsApart(Exception):
    """A script has made constraints that can wait, and nobody could read that in it."""


class TransactionEnded(Failure):
    """A script ended our transaction: its rows in the ledger would be in another one.

    Parameters
    ----------
    committed
        Whether that transaction was committed, and with it the files before this one.
    """

    def __init__(self, script: Script, *, committed: bool) -> None:
        super().__init__(
            Reason.TRANSACTION_CONTROL,
            f"{script.file} ended the transaction it was run in"
            + (", and a part of it is committed" if committed else ""),
            hint=("Take back what it did until then. " if committed else "")
            + "Remove what commits or rolls back: a file and its history row are one.",
        )
        self.committed = committed


class ScriptEnds:
    """How the scripts of one transaction end: each in the message of its last statement, or apart.

    What waits is checked at the end of each script, as if it were alone. Where several share the
    transaction that is done by name, and the server has to be asked for the names first: so these
    ends go apart, unless no constraint of the database can wait. That is asked in front of the
    first script and of one that may change it, and behind one that may hide it and the last one:
    in the next script, what waits would stop an ALTER TABLE.

    Parameters
    ----------
    apart
        Whether all of them go apart. After a lost connection nothing shares a message with a
        statement that may be its cause.
    shared
        Whether several files share the transaction.
    """

    def __init__(
        self,
        connection: Connection,
        server: Server,
        limits: Limits,
        *,
        apart: bool,
        shared: bool,
    ) -> None:
        self._connection = connection
        self._server = server
        self._limits = limits
        self._apart = apart
        self._asks = shared and not apart
        self._none_waits = False
        self._data = self._data_before = False
        self.own_transaction: Callable[[], str] = str
        """Gives the id of the transaction; empty as long as it is not known."""

    def look_ahead(self, work: Work) -> None:
        """Look at a script before it has the session.

        Raises
        ------
        EndsApart
            What one of those before it has left waiting was not checked.
        """
        statements = work.script.statements
        self._data_before = self._data
        self._data = self._data or change_data(statements)
        lets_wait = may_let_wait(statements)
        if self._asks:
            self._asks = False
            self._none_waits = not (lets_wait or any_can_wait(self._connection))
        elif self._none_waits and (lets_wait or work.checks or not statements):
            if any_can_wait(self._connection):
                raise EndsApart
            self._none_waits = not lets_wait

    def together(self, work: Work, *, last: bool) -> Callable[[], End] | None:
        """Give what goes with the last statement of a script; None if its end goes apart."""
        if self._apart or work.checks or not (last or self._none_waits):
            return None

        def end() -> End:
            if isinstance(self._connection, WorkingConnection):
                self._connection.meanwhile = work.ready
            if not self._none_waits:
                return End(self._limits.restoring(), SETTLE, script_left.leaving(self._server))
            if not (last or may_hide(work.script.statements)):
                return End(b"", b"", script_left.leaving(self._server))
            return End(b"", b"", script_left.leaving(self._server, ANY_CAN_WAIT))

        return end

    def left(self, result: PGresult, script: Script) -> str:
        """Learn how a script ended from what was sent with its last statement.

        Returns when that was, by the server's clock.

        Raises
        ------
        Failure
            ``TransactionControl``.
        EndsApart
            What waits was not checked.
        """
        left = script_left.learn(self._connection, result)
        self._require_same(left.transaction, script)
        if left.also == _TRUE:
            raise EndsApart
        return left.at

    def leave(self, script: Script) -> str:
        """Take the session back from a script in a message by itself.

        Returns when that was, by the server's clock.

        Raises
        ------
        Failure
            ``TransactionControl``.
        """
        if self._connection.info.transaction_status == TransactionStatus.INTRANS:
            left = script_left.leave(self._connection, self._server)
        else:
            left = Left("", "", "")
        self._require_same(left.transaction, script)
        return left.at

    def stopped_by_what_waits(self, error: MigrationError) -> bool:
        """Tell whether a script may have failed as one before it has left something waiting.

        A data statement can make a constraint, too, by a trigger or a function: that is not asked
        for behind each of them.
        """
        unasked = self._none_waits and self._data_before
        return unasked and error.sqlstate == SqlState.OBJECT_IN_USE

    def _require_same(self, found: str, script: Script) -> None:
        if found != self.own_transaction():
            raise TransactionEnded(script, committed=False)

    def refuse_committed(self, script: Script, error: MigrationError) -> None:
        """Refuse to take for rolled back what a script has committed before it failed.

        Raises
        ------
        Failure
            ``TransactionControl``.
        Interruption
            The connection was lost.
        """
        own = self.own_transaction()
        if not own or isinstance(error, Interruption):
            return
        try:
            session.reset(self._connection, self._server)
            with session.translated():
                row = self._connection.execute(_IS_COMMITTED, {"transaction": own}).fetchone()
        except Interruption:
            raise
        except MigrationError:
            return
        if row is not None and row[0]:
            raise TransactionEnded(script, committed=True) from error


def is_committed(error: MigrationError) -> bool:
    """Tell whether a part of a file is committed that no row of the ledger tells of."""
    return isinstance(error, TransactionEnded) and error.committed
