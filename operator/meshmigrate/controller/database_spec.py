"""``spec.database``: how the database is reached, and what of it the kubelet mounts."""

from collections.abc import Iterator
from typing import Final, NamedTuple, get_args

from meshmigrate.domain.runspec import (
    TLS,
    Access,
    Connection,
    ConnectionPart,
    Request,
    TLSMode,
)

_PARTS: Final[tuple[ConnectionPart, ...]] = get_args(ConnectionPart)
_CERTIFICATE_KEY: Final = "tls.crt"
_PRIVATE_KEY: Final = "tls.key"
"""The keys of a Secret of type kubernetes.io/tls (Kubernetes documentation, "TLS Secrets")."""


class KeyRef(Request, frozen=True, kw_only=True):
    """A key of a Secret or ConfigMap in the resource's namespace."""

    name: str
    key: str


class DatabaseURL(Request, frozen=True, kw_only=True):
    """Where the database's URL is kept."""

    secret_key_ref: KeyRef


class Part(Request, frozen=True, kw_only=True):
    """A part of the connection: as it stands here, or a key of a Secret."""

    value: str | int = ""
    secret_key_ref: KeyRef | None = None


class ConnectionSpec(Request, frozen=True, kw_only=True):
    """The connection by its parts."""

    host: Part
    port: Part | None = None
    dbname: Part
    user: Part
    password: Part | None = None

    def parts(self) -> Iterator[tuple[ConnectionPart, Part]]:
        """Give the parts that there are."""
        for name in _PARTS:
            part: Part | None = getattr(self, name)
            if part is not None:
                yield name, part

    @property
    def host_belongs_to_password(self) -> bool:
        """Whether host and password come from one Secret, and so belong together."""
        host = self.host.secret_key_ref
        password = self.password.secret_key_ref if self.password else None
        return host is not None and (password is None or host.name == password.name)


class RootCertificate(Request, frozen=True, kw_only=True):
    """The certificate of the server's authority; one of the two."""

    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class SecretRef(Request, frozen=True, kw_only=True):
    """A Secret in the resource's namespace."""

    name: str


class ClientCertificate(Request, frozen=True, kw_only=True):
    """The certificate and key that the runner shows."""

    secret_ref: SecretRef


class TLSSpec(Request, frozen=True, kw_only=True):
    """How the connection is protected; wins over the URL."""

    mode: TLSMode = ""
    root_certificate: RootCertificate | None = None
    client_certificate: ClientCertificate | None = None


class Mounted(NamedTuple):
    """A key of a Secret or ConfigMap, and the file that it becomes."""

    kind: str
    """``Secret`` or ``ConfigMap``."""
    name: str
    key: str
    file: str


class Database(Request, frozen=True, kw_only=True):
    """How the database is reached: by a URL or by parts."""

    url: DatabaseURL | None = None
    connection: ConnectionSpec | None = None
    tls: TLSSpec = TLSSpec()
    role: str = ""
    search_path: tuple[str, ...] = ()

    def mounted(self) -> tuple[Mounted, ...]:
        """Give everything that is mounted, none of which the operator can read."""
        return (*self._credentials(), *self._certificates())

    def access(self, folder: str, allowed_hosts: tuple[str, ...]) -> Access:
        """Give the part that is no secret, with the files in a folder of the pod."""
        return Access(
            role=self.role,
            search_path=self.search_path,
            tls=self._tls_files(folder),
            connection=self._connection(allowed_hosts),
        )

    def _credentials(self) -> Iterator[Mounted]:
        if self.url is not None:
            yield _secret(self.url.secret_key_ref, "url")
        if self.connection is not None:
            for name, part in self.connection.parts():
                if part.secret_key_ref is not None:
                    yield _secret(part.secret_key_ref, name)

    def _certificates(self) -> Iterator[Mounted]:
        root, client = self.tls.root_certificate, self.tls.client_certificate
        if root is not None and root.config_map_key_ref is not None:
            yield Mounted("ConfigMap", *_parts_of(root.config_map_key_ref), "root.crt")
        if root is not None and root.secret_key_ref is not None:
            yield _secret(root.secret_key_ref, "root.crt")
        if client is not None:
            name = client.secret_ref.name
            yield Mounted("Secret", name, _CERTIFICATE_KEY, _CERTIFICATE_KEY)
            yield Mounted("Secret", name, _PRIVATE_KEY, _PRIVATE_KEY)

    def _tls_files(self, folder: str) -> TLS:
        root, client = self.tls.root_certificate, self.tls.client_certificate
        return TLS(
            mode=self.tls.mode,
            root_certificate=f"{folder}/root.crt" if root else "",
            client_certificate=f"{folder}/{_CERTIFICATE_KEY}" if client else "",
            client_key=f"{folder}/{_PRIVATE_KEY}" if client else "",
        )

    def _connection(self, allowed_hosts: tuple[str, ...]) -> Connection | None:
        given = self.connection
        if given is None:
            return None
        here = {name: str(part.value) for name, part in given.parts() if name != "password"}
        return Connection(
            **here,
            files=tuple(name for name, part in given.parts() if part.secret_key_ref is not None),
            allowed_hosts=None if given.host_belongs_to_password else allowed_hosts,
        )


def _secret(ref: KeyRef, file: str) -> Mounted:
    return Mounted("Secret", ref.name, ref.key, file)


def _parts_of(ref: KeyRef) -> tuple[str, str]:
    return ref.name, ref.key
