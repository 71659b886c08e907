"""How the connection is protected, where that is said beside the URL."""

from dataclasses import replace
from typing import Final

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import TLS

_VERIFYING: Final = ("verify-ca", "verify-full")


def with_tls(parameters: ConnectionParameters, tls: TLS) -> ConnectionParameters:
    """Give the parameters of a URL with what is said beside it, which wins.

    Who names a root certificate wants the server verified: then no mode, or one that does not
    verify, becomes one that does. (libpq verifies with ``require`` too, but only if the file
    exists: PostgreSQL manual, "SSL Support".)

    Raises
    ------
    Refusal
        ``TLSFailed`` if a certificate is named and no TLS asked for.
    """
    files = {
        "sslrootcert": tls.root_certificate,
        "sslcert": tls.client_certificate,
        "sslkey": tls.client_key,
    }
    named = {keyword: file for keyword, file in files.items() if file}
    if tls.mode == "disable" and named:
        raise Refusal(
            Reason.TLS_FAILED,
            f"TLS is disabled, and yet has a file: {', '.join(named.values())}",
            hint="Leave out the files, or ask for verify-full.",
        )
    values = dict(parameters.values) | named
    if tls.mode:
        values["sslmode"] = tls.mode
    if tls.root_certificate and values.get("sslmode") not in _VERIFYING:
        values["sslmode"] = "verify-ca" if tls.mode else "verify-full"
    return replace(parameters, values=values)
