"""The connections of a run, and what it means when one cannot be had."""

import re
from collections.abc import Callable
from functools import partial
from typing import Final, Literal
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.clock import Clock
from meshmigrate.engine.connection_error import connection_refused
from meshmigrate.engine.deferred import WorkingConnection
from meshmigrate.engine.refusal_code import refusal_code

Connection = psycopg.Connection[TupleRow]
Credentials = Callable[[], ConnectionParameters]
"""Reads the parameters anew each time: a password may be changed while a run goes on."""

# Without keepalives a client that lost its server, or a server its client, notices in two
# hours (measured); the session settings ask the same of the server's side.
_DEFAULTS: Final[dict[str, str]] = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
# SET after connecting and not `options`: poolers refuse those. The interval lets the server
# notice in 2 s that a killed client is gone; without it, it finishes the statement, commits,
# and holds the lock until then (measured).
_PROTECTION: Final[dict[str, str]] = {
    "client_connection_check_interval": "2s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
}
_HIDDEN: Final = "…"
_NAME_BYTES: Final = 63
"""PostgreSQL manual, "Lexical Structure": NAMEDATALEN - 1."""
_ALL_FAILURES: Final = "All failures were:"
_CHANGEABLE: Final = frozenset(
    {
        Reason.AUTHENTICATION_FAILED,
        Reason.CREDENTIALS_MISSING,
        Reason.INVALID_CONNECTION,
        Reason.INVALID_DATABASE_URL,
    }
)
"""What a Secret that is just being changed looks like."""
_REREAD_INTERVAL: Final = 5.0
_REREAD_FOR: Final = 150.0
"""The kubelet takes up to two minutes to bring a changed Secret into a pod."""


class Connector:
    """Makes the connections of one run, each with the credentials as they are then.

    Where they have worked before, that they do not now means that they are being changed: they
    are read again every 5 s for 150 s. A first contact is refused at once.

    Parameters
    ----------
    credentials
        Reads them.
    name
        The run, as of ``connect``.
    had_success
        Whether they have worked before: in an earlier attempt of the run, or, by itself, in this
        process.
    tell
        Called before each wait, with what is wrong.
    """

    def __init__(
        self,
        credentials: Credentials,
        name: UUID | str,
        clock: Clock,
        *,
        had_success: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._credentials = credentials
        self._name = name
        self._clock = clock
        self._tell = tell
        self.had_success = had_success

    def connect(self) -> Connection:
        """Connect, waiting for credentials that are just being changed.

        Raises
        ------
        Refusal
            ``AuthenticationFailed``, ``TLSFailed``, ``InvalidDatabaseURL`` or
            ``CredentialsMissing``.
        Unreachable
            ``DatabaseUnreachable``.
        Interruption
            Somebody asked to stop.
        """
        started = self._clock.monotonic()
        while True:
            try:
                connection = connect(self._credentials(), self._name)
            except Refusal as refusal:
                left = started + _REREAD_FOR - self._clock.monotonic()
                if refusal.reason not in _CHANGEABLE or not self.had_success or left <= 0:
                    raise
                self._tell(
                    f"{refusal.message}; they have worked before, so the credentials are read "
                    f"again every {_REREAD_INTERVAL:g} s for {left:.0f} s"
                )
                self._clock.sleep(_REREAD_INTERVAL)
            else:
                self.had_success = True
                connection.monotonic = self._clock.monotonic
                return connection


def protection(command: Literal["SET", "SET LOCAL"]) -> str:
    """Give the statements that let the server notice a client that is gone or has fallen silent.

    Every session has them; what only looks has them for its transaction, as a pooler would keep
    its settings for others.
    """
    return "".join(f"{command} {name} = '{value}';\n" for name, value in _PROTECTION.items())


def connect(parameters: ConnectionParameters, name: UUID | str) -> WorkingConnection:
    """Connect in autocommit mode, without server-side preparation.

    The server is verified against the system's certificates unless the URL says otherwise
    (libpq's own default, ``prefer``, accepts anything).

    Parameters
    ----------
    name
        What others see in ``application_name``: the run, or the command that only looks.

    Raises
    ------
    Refusal
        ``AuthenticationFailed``, ``TLSFailed`` or ``InvalidDatabaseURL``.
    Unreachable
        ``DatabaseUnreachable``.
    """
    keywords = _DEFAULTS | verified(parameters)
    keywords |= {"application_name": f"meshmigrate:{str(name)[:8]}", "client_encoding": "UTF8"}
    conninfo = ""
    try:
        conninfo = make_conninfo(**keywords)
        return WorkingConnection.connect(conninfo, autocommit=True, prepare_threshold=None)
    except psycopg.ProgrammingError:
        # libpq's parse errors quote the connection string: nothing of it may be shown.
        raise Refusal(
            Reason.INVALID_DATABASE_URL,
            "libpq does not accept the connection parameters",
            hint="Check the database URL; its content is not shown because it holds a password.",
        ) from None
    except psycopg.OperationalError as error:
        code = partial(refusal_code, conninfo, str(error))
        raise connection_refused(_scrubbed(error, parameters), code) from None


def verified(parameters: ConnectionParameters) -> dict[str, str]:
    """Give libpq's keywords, the server's verification among them where nothing is said of it."""
    keywords = dict(parameters.values)
    mode = keywords.get("sslmode", "verify-full")
    # Without a file named, libpq looks for one in the home directory, and not at the system's.
    roots = {"sslrootcert": "system"} if mode == "verify-full" else {}
    return {"sslmode": mode} | roots | keywords


def _scrubbed(error: psycopg.OperationalError, parameters: ConnectionParameters) -> str:
    # With several hosts psycopg repeats the last failure before it lists them all.
    text = " ".join(str(error).rpartition(_ALL_FAILURES)[2].split())
    secrets = {parameters.values.get(keyword, "") for keyword in parameters.hidden}
    if "options" in parameters.hidden:  # a server repeats single words of them
        secrets |= set(re.split(r"[\s=]+", parameters.values.get("options", ""))) - {"-c"}
    # A server repeats of a name only what fits into one.
    secrets |= {secret.encode()[:_NAME_BYTES].decode(errors="ignore") for secret in secrets}
    for secret in sorted(secrets - {""}, key=len, reverse=True):
        # Inside a word it is no secret: a dot there would only tell how short the password is.
        text = re.sub(rf"(?<!\w){re.escape(' '.join(secret.split()))}(?!\w)", _HIDDEN, text)
    named = parameters.hidden - {"password", "sslpassword"}
    return f"{text} ({_HIDDEN} is what the Secret holds)" if named and _HIDDEN in text else text
