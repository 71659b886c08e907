"""Reading the URL of a database without ever repeating it.

The form is libpq's (PostgreSQL manual, "Connection URIs"), and a URL that libpq takes means here
what it means there or is refused. In addition user and password may be written as they are where
that leaves no doubt: secrets are pasted into URLs unencoded.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason

_SHOWN: Final = ("host", "port", "dbname", "user")
_PASSWORDS: Final = frozenset({"password", "sslpassword"})
WHERE_AND_WHO: Final = _PASSWORDS | {"host", "hostaddr", "dbname", "user", "options"}
"""What messages of a server, of libpq and of the resolver repeat of a connection."""

_KEYWORDS: Final = frozenset(
    """
    application_name channel_binding client_encoding connect_timeout dbname gssdelegation
    gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle
    keepalives_interval krbsrvname load_balance_hosts max_protocol_version
    min_protocol_version options password port require_auth requirepeer sslcert sslcertmode
    sslcrl sslcrldir sslkey sslmode sslnegotiation sslpassword sslrootcert sslsni
    ssl_max_protocol_version ssl_min_protocol_version target_session_attrs tcp_user_timeout user
    """.split()  # noqa: SIM905  one word per line would fill the page
)
"""libpq's keywords that say how to reach a database. Left out: those that read the answer from
a file elsewhere (service, passfile), write secrets (sslkeylogfile) or allow no SQL (replication).
"""

_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

_SCHEME: Final = re.compile(r"postgres(?:ql)?://(?=.)")
_HOST: Final = re.compile(r"(?:\[(?P<ipv6>[^]]*)\]|(?P<name>[^]:[]*))(?::(?P<port>[0-9]{0,5}))?")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9._-]*|/[^,]*")
HIGHEST_PORT: Final = 65535
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_PARAMETER_NAME: Final = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True, repr=False)
class ConnectionParameters:
    """libpq's keywords and values; its representation shows where to, and nothing secret.

    Parameters
    ----------
    values
        Keyword to value (PostgreSQL manual, "Parameter Key Words"); several hosts and ports are
        joined by commas, as libpq takes them.
    hidden
        The keywords whose values are never shown, also where a server repeats them.
    """

    values: Mapping[str, str]
    hidden: frozenset[str] = _PASSWORDS

    def __repr__(self) -> str:
        known = self.values.keys() - self.hidden
        shown = (f"{name}={self.values[name]!r}" for name in _SHOWN if name in known)
        return f"ConnectionParameters({', '.join(shown)})"


class _Reading(NamedTuple):
    credentials: str
    host: str
    port: str
    database: str
    query: str


def parse_database_url(text: str) -> ConnectionParameters:
    """Read a URL that starts with ``postgres://`` or ``postgresql://``.

    A valid ``%XX`` is decoded. A user or password that is not percent-encoded is taken as it is,
    split off at the only ``@`` that is followed by a valid list of hosts. White space around the
    URL, such as the newline at the end of a file, is not a part of it.

    Raises
    ------
    Refusal
        ``InvalidDatabaseURL``; its text holds no part of the URL but the name of a parameter.
    """
    url = text.strip()
    scheme = _SCHEME.match(url)
    if scheme is None:
        raise _invalid("does not start with postgres:// or postgresql://, or ends there", _FORM)
    if not url.isprintable():
        raise _invalid("contains a line break or another character that does not print", _ENCODE)
    readings = list(_readings(url[scheme.end() :]))
    if not readings:
        raise _invalid("names no valid host and port behind the user and password", _HOST_AND_PORT)
    if len(readings) > 1:
        raise _invalid("can be read in more than one way", _ENCODE)
    return ConnectionParameters(_values(readings[0]))


_HOST_AND_PORT: Final = (
    "A port is a number from 1 to 65535, an IPv6 address stands in [ ]. In user and password "
    "percent-encode: % as %25, @ as %40, / as %2F, : as %3A, # as %23, ? as %3F."
)
_ENCODE: Final = (
    "Percent-encode the user and the password: % as %25, @ as %40, / as %2F, : as %3A, "
    "# as %23, ? as %3F."
)
_FORM: Final = (
    "Write it as postgres://user:password@host:port/database, without quotes around it; "
    "key=value pairs and the URLs of other drivers are not read."
)


def _invalid(what: str, hint: str) -> Refusal:
    return Refusal(Reason.INVALID_DATABASE_URL, f"the database URL {what}", hint=hint)


def _readings(rest: str) -> Iterator[_Reading]:
    """Give every way to read what follows the scheme: without credentials, and at each ``@``."""
    for at in (-1, *(found.start() for found in re.finditer("@", rest))):
        credentials = rest[: max(at, 0)]
        user = credentials.partition(":")[0]
        path, _, query = rest[at + 1 :].partition("?")
        authority, _, database = path.partition("/")
        hosts = [_host(item) for item in authority.split(",")]
        if not {"/", "?"} & set(user) and None not in hosts:
            host, port = (",".join(part) for part in zip(*filter(None, hosts), strict=True))
            yield _Reading(credentials, host, port, database, query)


def _host(item: str) -> tuple[str, str] | None:
    """Give host and port, decoded; None if this is not a host."""
    match = _HOST.fullmatch(item)
    if match is None or int(match["port"] or "1") not in range(1, HIGHEST_PORT + 1):
        return None
    host = _unescape(match["ipv6"] or match["name"] or "")
    if host is None:
        return None
    valid = _is_ipv6(host) if match["name"] is None else _HOST_NAME.fullmatch(host)
    return (host, match["port"] or "") if valid else None


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except AddressValueError:
        return False
    return True


def _values(reading: _Reading) -> dict[str, str]:
    user, _, password = reading.credentials.partition(":")
    database = _unescape(reading.database)
    if database is None:
        raise _invalid("has a % in the database name that encodes nothing", "Write % as %25.")
    found = {
        "user": _credential(user),
        "password": _credential(password),
        "host": reading.host,
        "port": reading.port,
        "dbname": database,
    }
    values = {name: value for name, value in found.items() if value}
    values |= dict(_parameter(item) for item in reading.query.split("&") if item)
    if values.get("sslmode", "prefer") not in _SSL_MODES:
        raise _invalid("has an unknown sslmode", f"Give one of {', '.join(_SSL_MODES)}.")
    return values


def _credential(raw: str) -> str:
    """Decode a user or a password if it is percent-encoded, take it as it is if it is not."""
    if not _ESCAPE.search(raw):
        return raw
    decoded = _unescape(raw)
    if decoded is None or "@" in raw or "/" in raw:
        raise _invalid("has a user or password that is percent-encoded only in parts", _ENCODE)
    return decoded


def _parameter(item: str) -> tuple[str, str]:
    name, _, raw = item.partition("=")
    value = _unescape(raw)
    if (name, value) == ("ssl", "true"):  # JDBC's way, which libpq takes too
        return "sslmode", "require"
    if name not in _KEYWORDS:
        shown = f" {name}" if _PARAMETER_NAME.fullmatch(name) else ""
        raise _invalid(
            f"has the parameter{shown}, which this program does not take",
            "Remove it; parameters of other drivers and poolers have no meaning here.",
        )
    if value is None or "=" in raw:
        raise _invalid(f"has a value for {name} that is not percent-encoded", "Encode % and =.")
    return name, value


def _unescape(raw: str) -> str | None:
    """Decode percent-encoded UTF-8; None if it is not that."""
    if "%" in _ESCAPE.sub("", raw):
        return None
    try:
        decoded = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in decoded else decoded
