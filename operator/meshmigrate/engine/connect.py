"""The one connection that does the work, and what it means when it cannot be had."""

from typing import Final
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import MigrationError, Refusal, Unreachable
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.deferred import JoiningCursor

Connection = psycopg.Connection[TupleRow]

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
_AUTHENTICATION: Final = (
    "authentication failed",
    "no pg_hba.conf entry",
    "no password supplied",
    "is not permitted to log in",
)
_TLS: Final = (
    "certificate verify failed",
    "does not match host name",
    "does not support SSL",
    "root certificate file",
    "SSL error: certificate",
)


def connect(parameters: ConnectionParameters, name: UUID | str) -> Connection:
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
    keywords = _DEFAULTS | _verified(dict(parameters.values))
    keywords |= {"application_name": f"meshmigrate:{str(name)[:8]}", "client_encoding": "UTF8"}
    try:
        return psycopg.connect(
            make_conninfo(**keywords),
            autocommit=True,
            prepare_threshold=None,
            cursor_factory=JoiningCursor,
        )
    except psycopg.ProgrammingError:
        # libpq's parse errors quote the connection string: nothing of it may be shown.
        raise Refusal(
            Reason.INVALID_DATABASE_URL,
            "libpq does not accept the connection parameters",
            hint="Check the database URL; its content is not shown because it holds a password.",
        ) from None
    except psycopg.OperationalError as error:
        raise connection_refused(_scrubbed(error, parameters)) from None


def _verified(keywords: dict[str, str]) -> dict[str, str]:
    if "sslmode" in keywords:
        return keywords
    return {"sslmode": "verify-full", "sslrootcert": "system"} | keywords


def _scrubbed(error: psycopg.OperationalError, parameters: ConnectionParameters) -> str:
    text = " ".join(str(error).split())
    password = parameters.values.get("password")
    return text.replace(password, "…") if password else text


def connection_refused(message: str) -> MigrationError:
    """Classify why there is no connection.

    libpq gives no SQLSTATE for a failed connection, so the text decides; a server that speaks
    another language is at worst retried instead of refused.
    """
    if any(text in message for text in _AUTHENTICATION):
        return Refusal(
            Reason.AUTHENTICATION_FAILED,
            f"the database does not let us in: {message}",
            hint="Check user and password of the database URL, and the server's pg_hba.conf.",
        )
    if any(text in message for text in _TLS):
        return Refusal(
            Reason.TLS_FAILED,
            f"no connection that can be trusted: {message}",
            hint="The server must show a certificate of its host name from a known authority. "
            "Otherwise say in the URL what to accept: sslrootcert=FILE for an authority of your "
            "own, or sslmode=require or disable where the network is trusted.",
        )
    return Unreachable(
        Reason.DATABASE_UNREACHABLE,
        f"the database does not answer: {message}",
        hint="Check that it runs, and that host, port and database name are right.",
    )
