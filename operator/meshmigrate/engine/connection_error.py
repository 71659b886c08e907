"""What it means that a connection cannot be had, and what to do then.

libpq gives no SQLSTATE for a failed connection, so the text decides; where that says nothing, as
of a server that speaks another language, the code is asked for.
"""

from collections.abc import Callable
from typing import Final

from meshmigrate.domain.errors import MigrationError, NotReady, Refusal, Unreachable
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.sqlstate import Retry, retry_after

_CREDENTIALS: Final = "Check user and password of the database URL, and the server's pg_hba.conf."
_AUTHENTICATION: Final = (
    (
        "certificate authentication failed",
        (
            "The client certificate must be made out to the user of the URL, or to a name that the "
            "server's pg_ident.conf maps to it."
        ),
    ),
    (
        "no encryption",
        (
            "Connect with TLS if the server wants it (without sslmode=disable, or with --tls-mode "
            "verify-full); otherwise its pg_hba.conf needs an entry for this user and address."
        ),
    ),
    ("pg_hba.conf", "The server's pg_hba.conf needs an entry for this user and address."),
    ("authentication failed", _CREDENTIALS),
    ("no password supplied", _CREDENTIALS),
    ("is not permitted to log in", "Give the role LOGIN, or connect as another one."),
    ("no such user", _CREDENTIALS),  # PgBouncer's words
    ("Tenant or user not found", _CREDENTIALS),  # Supavisor's
)

_AUTHORITY: Final = (
    "Name the certificate of the server's authority: --tls-root-certificate FILE, sslrootcert=FILE "
    "in the URL, or spec.database.tls.rootCertificate of a resource. Where the network is trusted, "
    "--tls-mode require (sslmode in the URL, tls.mode of a resource) encrypts without verifying."
)
_CLIENT: Final = (
    "Give a certificate that the server's authority has signed, and its key, readable for nobody "
    "else: --tls-client-certificate FILE and --tls-client-key FILE, sslcert and sslkey in the URL, "
    "or spec.database.tls.clientCertificate of a resource."
)
_TLS: Final = (
    (
        "does not match host name",
        (
            "Connect by a name that is in the server's certificate, or verify only the authority: "
            "--tls-mode verify-ca, or sslmode=verify-ca in the URL."
        ),
    ),
    (
        "does not support SSL",
        (
            "Turn on ssl on the server. Only where the network is trusted, do without: --tls-mode "
            "disable, sslmode=disable in the URL, or spec.database.tls.mode of a resource."
        ),
    ),
    ("root certificate file", _AUTHORITY),
    ("certificate verify failed", _AUTHORITY),
    (
        "sslrootcert=system",
        "With the system's authorities only verify-full is of use; otherwise name a file.",
    ),
    ("valid client certificate", _CLIENT),
    ("certificate file", _CLIENT),
    ("private key", _CLIENT),
    ("alert unknown ca", _CLIENT),
    ("alert certificate", _CLIENT),
    (
        "channel binding",
        (
            "Channel binding needs TLS and a password kept as scram-sha-256; leave out "
            "channel_binding=require where the server has not both."
        ),
    ),
    ("SSL error", _AUTHORITY),
)


_PASSING: Final = (
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "is starting up",
    "is shutting down",
    "in recovery mode",
    "not yet accepting connections",
    "not accepting connections",
    "in hot standby mode",
    "session is read-only",
)
"""What 53300 and 57P03 say, and libpq of standbys where the URL asks for a primary."""
_NOT_LET_IN: Final = "28"
"""The class of SQLSTATE."""


def connection_refused(
    message: str, find_code: Callable[[], str | None] = lambda: None
) -> MigrationError:
    """Classify why there is no connection.

    Parameters
    ----------
    find_code
        Gives the server's SQLSTATE, if there is one; called where the text says nothing.
    """
    for text, hint in _AUTHENTICATION:
        if text in message:
            cause = f"the database does not let us in: {message}"
            return Refusal(Reason.AUTHENTICATION_FAILED, cause, hint=hint)
    for text, hint in _TLS:
        if text in message:
            cause = f"no connection that can be trusted: {message}"
            return Refusal(Reason.TLS_FAILED, cause, hint=hint)
    code = None if _passes(message) else find_code()
    if code is not None and code.startswith(_NOT_LET_IN):
        cause = f"the database does not let us in: {message}"
        return Refusal(Reason.AUTHENTICATION_FAILED, cause, hint=_CREDENTIALS, sqlstate=code)
    passes = _passes(message) or (code is not None and retry_after(code) is not Retry.NEVER)
    return (NotReady if passes else Unreachable)(
        Reason.DATABASE_UNREACHABLE,
        f"no connection to the database: {message}",
        hint="Check that it runs, and that host, port, user and database name are right.",
        sqlstate=code,
    )


def _passes(message: str) -> bool:
    return any(words in message for words in _PASSING)
