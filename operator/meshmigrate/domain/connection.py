"""A connection by its parts, as operators of PostgreSQL store them in Secrets."""

import re
from collections.abc import Mapping
from typing import Final

from meshmigrate.domain.database_url import HIGHEST_PORT, ConnectionParameters
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.hosts import canonical_host, host_allowed
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Connection, ConnectionPart

_PORT: Final = re.compile(r"[0-9]{1,5}")
_REQUIRED: Final[tuple[ConnectionPart, ...]] = ("host", "dbname", "user")


def connection_parameters(
    connection: Connection, files: Mapping[ConnectionPart, str], namespace: str
) -> ConnectionParameters:
    """Put the parts together.

    Each is one keyword of libpq and nothing else: no part can bring another one with it. What
    comes from a file is never shown: it may be the content of any Secret that somebody has named.

    Parameters
    ----------
    files
        The content of the parts that are files.

    Raises
    ------
    Refusal
        ``InvalidConnection``, ``CredentialsMissing`` or ``HostNotAllowed``; without a value that
        comes from a file.
    """
    here: dict[ConnectionPart, str] = {
        "host": connection.host,
        "port": connection.port,
        "dbname": connection.dbname,
        "user": connection.user,
    }
    read = {part: _content(part, text) for part, text in files.items()}
    values = {part: value for part, value in (here | read).items() if value}
    for part in _REQUIRED:
        if part not in values:
            raise _invalid(part, "is missing")
    _check(values, namespace)
    allowed = connection.allowed_hosts
    if (
        "host" in read
        and allowed is not None
        and not host_allowed(read["host"], allowed, namespace)
    ):
        raise Refusal(
            Reason.HOST_NOT_ALLOWED,
            "the host comes from another Secret than the password, and is not one that a password "
            f"may be sent to: allowed are {', '.join(allowed) or 'none'}",
            hint="Take host and password from the same Secret, or have the host added to "
            "allowedHosts of the operator's chart.",
        )
    hidden = frozenset({*read, "password", "sslpassword"})
    return ConnectionParameters({str(part): value for part, value in values.items()}, hidden)


def _content(part: ConnectionPart, text: str) -> str:
    """Take off the line end with which files are written; a blank may belong to a password."""
    value = text.rstrip("\r\n") if part == "password" else text.strip()
    if not value:
        raise Refusal(
            Reason.CREDENTIALS_MISSING,
            f"the {part} of the connection is empty",
            hint=f"Put it into the Secret that spec.database.connection.{part} names.",
        )
    return value


def _check(values: Mapping[ConnectionPart, str], namespace: str) -> None:
    for part, value in values.items():
        if "\0" in value or not (part == "password" or value.isprintable()):
            raise _invalid(part, "has a character that does not print")
    if canonical_host(values["host"], namespace) is None:
        raise _invalid("host", "is not one host name or address")
    port = values.get("port", "1")
    if not _PORT.fullmatch(port) or int(port) not in range(1, HIGHEST_PORT + 1):
        raise _invalid("port", "is not a number from 1 to 65535")


def _invalid(part: ConnectionPart, what: str) -> Refusal:
    return Refusal(
        Reason.INVALID_CONNECTION,
        f"the {part} of the connection {what}",
        hint=f"Correct spec.database.connection.{part}, or what its Secret holds: one "
        f"{'host' if part == 'host' else 'value'}, without quotes. Several hosts or other "
        "parameters need a URL.",
    )
