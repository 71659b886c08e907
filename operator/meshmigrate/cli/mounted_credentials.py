"""The credentials in the runner's pod: files below one mount, read anew for every connection."""

from os.path import realpath
from pathlib import Path

from msgspec.structs import replace

from meshmigrate.cli.private_key import PrivateKey
from meshmigrate.cli.start import read_url_file
from meshmigrate.domain.connection import connection_parameters
from meshmigrate.domain.database_url import (
    WHERE_AND_WHO,
    ConnectionParameters,
    parse_database_url,
)
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import TLS, Access
from meshmigrate.domain.tls import with_tls


class MountedCredentials:
    """Reads the connection parameters; nothing outside of the mount is read, whatever links say.

    Parameters
    ----------
    mount
        The folder; a projected volume replaces all of its files at once.
    access
        What is said about the database: the parts of the connection, where there is no URL.
    namespace
        The one of the resource.
    """

    def __init__(self, mount: Path, access: Access, namespace: str) -> None:
        self._mount = mount
        self._access = access
        self._namespace = namespace
        self._key = PrivateKey()

    def __call__(self) -> ConnectionParameters:
        """Read them as they are now.

        Raises
        ------
        Refusal
            Whatever is wrong with them.
        """
        return with_tls(self._parameters(), self._tls(self._access.tls))

    def _parameters(self) -> ConnectionParameters:
        connection = self._access.connection
        if connection is None:
            url = parse_database_url(read_url_file(self._inside(self._mount / "url")))
            # All of it is what the Secret holds.
            return ConnectionParameters(url.values, WHERE_AND_WHO)
        files = {part: self._read(self._mount / part) for part in connection.files}
        return connection_parameters(connection, files, self._namespace)

    def _tls(self, tls: TLS) -> TLS:
        for certificate in (tls.root_certificate, tls.client_certificate):
            if certificate:
                self._inside(Path(certificate))
        if not tls.client_key:
            return tls
        return replace(tls, client_key=self._key.hold(self._read(Path(tls.client_key))))

    def _read(self, path: Path) -> str:
        try:
            return self._inside(path).read_text("utf-8")
        except UnicodeDecodeError:
            raise Refusal(
                Reason.INVALID_CONNECTION,
                f"the file {path.name} of the credentials is not UTF-8",
                hint="Store it as text.",
            ) from None
        except OSError as error:
            raise _missing(path, error.strerror or "") from None

    def _inside(self, path: Path) -> Path:
        real = Path(realpath(path))
        if not real.is_relative_to(realpath(self._mount)):
            raise _missing(path, "a link leads out of the folder of credentials")
        return real


def _missing(path: Path, why: str) -> Refusal:
    return Refusal(
        Reason.CREDENTIALS_MISSING,
        f"the file {path.name} of the credentials cannot be read: {why}",
        hint="Check that the Secret or ConfigMap of the resource's spec.database has the key for "
        "it.",
    )
