"""What the server is, asked before anything else."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, LiteralString

import psycopg

from meshmigrate.domain.errors import Interruption, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import DatabaseIdentity
from meshmigrate.domain.runspec import Access
from meshmigrate.engine import identity
from meshmigrate.engine.connect import Connection, protection
from meshmigrate.engine.connection_error import connection_refused
from meshmigrate.engine.identity import Identity

OLDEST_SERVER: Final = 14
NEWEST_SERVER: Final = 18
_POOLER_ROUNDS: Final = 3

_RECOVERY = """
SELECT pg_catalog.pg_is_in_recovery(),
       pg_catalog.current_setting('transaction_read_only')::boolean,
       pg_catalog.current_setting('server_encoding')
"""
_IDENTITY: Final[LiteralString] = (
    """
SELECT pg_catalog.current_database(),
       extract(epoch FROM pg_catalog.clock_timestamp())::float8, """
    + identity.COLUMNS
)


@dataclass(frozen=True, slots=True)
class Server:
    """The server as it was found, and how scripts are to find it."""

    major: int
    database: str
    cluster: Identity
    clock: datetime
    """The server's time at the probe."""
    access: Access = field(default_factory=Access)
    """As whom scripts run, and with which names."""

    @property
    def identity(self) -> DatabaseIdentity:
        """Which database this is."""
        return DatabaseIdentity(
            name=self.database, system_identifier=self.cluster.system_identifier
        )

    def refuse_another(self, now: "Server") -> None:
        """Refuse to go on in another database than this one: the URL may lead there meanwhile.

        Raises
        ------
        Interruption
            ``AnotherDatabase``.
        """
        self.cluster.refuse_another(now.cluster)
        if now.database != self.database:
            raise Interruption(
                Reason.ANOTHER_DATABASE,
                f"this is another database: '{now.database}', and the run began on "
                f"'{self.database}'",
                hint="Nothing was written here. Let the URL lead to the database that the run "
                "began on, and run again with the same run id.",
            )


def examine(connection: Connection, connect_again: Callable[[], Connection]) -> Server:
    """Ask what stands at the other end, a pooler in between included.

    Parameters
    ----------
    connect_again
        Makes a second connection, which only a pooler is tried with.

    Raises
    ------
    Refusal
        ``TransactionPooler``, ``UnsupportedServer`` or ``ReadOnlyServer``.
    """
    if behind_pooler(connection):
        with closing(connect_again()) as other:
            refuse_transaction_pooler(connection, other)
    return probe(connection)


def probe(connection: Connection) -> Server:
    """Ask the server what it is.

    Raises
    ------
    Refusal
        ``UnsupportedServer`` or ``ReadOnlyServer``.
    """
    major = connection.info.server_version // 10000
    if not OLDEST_SERVER <= major <= NEWEST_SERVER:
        raise Refusal(
            Reason.UNSUPPORTED_SERVER,
            f"the server is PostgreSQL {major}",
            hint=f"Supported are {OLDEST_SERVER} to {NEWEST_SERVER}.",
        )
    in_recovery, read_only, encoding = _one(connection, _RECOVERY)
    if in_recovery or read_only:
        what = "a standby" if in_recovery else "set to read-only transactions"
        raise Refusal(
            Reason.READ_ONLY_SERVER,
            f"the server is {what}: nothing can be migrated there",
            hint="Connect to the primary, with a role whose transactions may write.",
        )
    if encoding != "UTF8":
        raise Refusal(
            Reason.UNSUPPORTED_SERVER,
            f"the database has the encoding {encoding}: not every file and message fits in there",
            hint="Supported is UTF8, the default of every current installation.",
        )
    # In seconds: psycopg reads a time only in the ISO style, and a role may have another.
    database, seconds, *cluster = _one(connection, _IDENTITY)
    return Server(major, database, Identity(*cluster), datetime.fromtimestamp(seconds, UTC))


def refuse_transaction_pooler(connection: Connection, other: Connection) -> None:
    """Refuse a pooler that gives each transaction another server session.

    Two clients of such a pooler both get the same advisory lock (measured), so nothing that
    this tool promises would hold. The test: while ``other`` keeps a server session busy, ours
    must stay the same. In its statement mode it refuses the transaction itself, as a violation
    of the protocol (measured).

    Raises
    ------
    Refusal
        ``TransactionPooler``.
    """
    first = server_pid(connection)
    for _ in range(_POOLER_ROUNDS):
        try:
            other.execute(f"BEGIN; {protection('SET LOCAL')}".encode())
        except psycopg.errors.ProtocolViolation as error:
            raise _no_session(connection, "statement") from error
        server_pid(other)
        now = server_pid(connection)
        other.execute("ROLLBACK")
        if now != first:
            raise _no_session(connection, "transaction")


def _no_session(connection: Connection, mode: str) -> Refusal:
    return Refusal(
        Reason.TRANSACTION_POOLER,
        f"port {connection.info.port} is a pooler in {mode} mode: locks and settings of a session "
        "do not hold there",
        hint="Connect to the database itself or to its pooler in session mode, usually port 5432.",
    )


def behind_pooler(connection: Connection) -> bool:
    """Whether a pooler stands between us and the server: it makes up the process id."""
    return connection.info.backend_pid != server_pid(connection)


def server_pid(connection: Connection) -> int:
    """Give the process id of the server session that answers."""
    pid: int = _one(connection, "SELECT pg_catalog.pg_backend_pid()")[0]
    return pid


def _one(connection: Connection, query: LiteralString) -> psycopg.rows.TupleRow:
    """Give the only row of a query; behind a pooler this is the first contact with the server."""
    try:
        row = connection.execute(query).fetchone()
    except psycopg.OperationalError as error:
        message, code = str(error.diag.message_primary or error), error.sqlstate
        raise connection_refused(message, lambda: code) from error
    if row is None:
        raise RuntimeError("a query that gives one row gave none")
    return row
