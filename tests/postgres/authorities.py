"""A server with TLS: certificates of made-up authorities, and who needs which to be let in."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import trustme
from psycopg.rows import TupleRow

from tests.postgres.harness import PASSWORD, eventually
from tests.postgres.programs import DEBIAN
from tests.postgres.servers import SUPERUSER_PASSWORD, Server, running_server

TLS_ONLY: Final = "tls_only"
"""Let in over TLS only, with the password."""
BY_CERTIFICATE: Final = "by_certificate"
"""Let in with a client certificate in its own name."""
_WITH_TLS: Final = DEBIAN
"""A packaged server: the embedded one is built without TLS."""
_RULES: Final = f"""
hostssl all {BY_CERTIFICATE} 127.0.0.1/32 cert
hostssl all {TLS_ONLY} 127.0.0.1/32 scram-sha-256
host all {BY_CERTIFICATE},{TLS_ONLY} 127.0.0.1/32 reject
"""


@dataclass(frozen=True)
class Authorities:
    """A server with TLS, and the files that its clients may have."""

    server: Server
    folder: Path

    @property
    def right(self) -> str:
        """The authority that has signed the server's certificate, which is for ``localhost``."""
        return str(self.folder / "right.pem")

    @property
    def wrong(self) -> str:
        """Another one."""
        return str(self.folder / "wrong.pem")

    def client(self, name: str, *, mode: int = 0o600, of: str = "right") -> tuple[str, str]:
        """Give certificate and key of a client, signed by an authority."""
        authority = trustme.CA.from_pem(
            (self.folder / f"{of}.pem").read_bytes(), (self.folder / f"{of}.key").read_bytes()
        )
        issued = authority.issue_cert("client@example.org", common_name=name)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(certificate)
        issued.private_key_pem.write_to_path(key)
        key.chmod(mode)
        return str(certificate), str(key)


@contextmanager
def running_with_tls(folder: Path) -> Iterator[Authorities]:
    """Run a server with TLS until the block ends."""
    with running_server(_WITH_TLS) as server:
        _certify(server, folder)
        rules = server.data / "pg_hba.conf"
        rules.write_text(_RULES + rules.read_text())
        with _administrator(server) as connection:
            for role in (TLS_ONLY, BY_CERTIFICATE):
                connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'".encode())
            connection.execute("ALTER SYSTEM SET ssl = on")
            connection.execute("ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
            connection.execute("SELECT pg_reload_conf()")
        eventually(lambda: _has_tls(server), "the server has TLS")
        yield Authorities(server, folder)


def _certify(server: Server, folder: Path) -> None:
    for name in ("right", "wrong"):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / f"{name}.pem")
        authority.private_key_pem.write_to_path(folder / f"{name}.key")
        if name == "right":
            issued = authority.issue_cert("localhost")
            issued.private_key_pem.write_to_path(server.data / "server.key")
            issued.cert_chain_pems[0].write_to_path(server.data / "server.crt")
    shutil.copy(folder / "right.pem", server.data / "root.crt")
    owner = server.data.stat()
    for name in ("server.key", "server.crt", "root.crt"):
        server.data.joinpath(name).chmod(0o600)
        os.chown(server.data / name, owner.st_uid, owner.st_gid)


def _administrator(server: Server) -> psycopg.Connection[TupleRow]:
    return psycopg.connect(
        host="127.0.0.1",
        port=server.port,
        dbname="postgres",
        user="postgres",
        password=SUPERUSER_PASSWORD,
        autocommit=True,
    )


def _has_tls(server: Server) -> bool:
    with _administrator(server) as connection:
        return connection.execute("SHOW ssl").fetchone() == ("on",)
