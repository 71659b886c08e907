"""Certificates, tokens and kubeconfigs: made once, kept, so that an exported one stays valid."""

import base64
import hashlib
import json
import secrets
import shutil
from pathlib import Path

from hack.cluster.network import Addresses
from hack.cluster.paths import Cache
from hack.cluster.programs import run

NODE_NAME = "meshmigrate"
_DAYS = "3650"
_EC = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
# Everything that a strict verifier asks for (RFC 5280, 4.2.1): Python does from 3.13 on.
_AUTHORITY = """
[req]
distinguished_name = name
x509_extensions = authority
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_LEAF = """
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
_USERS = {
    "admin": ("admin", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "coredns": ("system:coredns", ""),
    "kubelet": (f"system:node:{NODE_NAME}", "system:nodes"),
    "proxy": ("system:kube-proxy", ""),
    "scheduler": ("system:kube-scheduler", ""),
}


class Pki:
    """Files of the cluster's public key infrastructure."""

    def __init__(self, cache: Cache, addresses: Addresses, *, port: int = 6443) -> None:
        self.folder = cache.pki
        self.ca = cache.pki / "ca.crt"
        self.tokens = cache.pki / "tokens.csv"
        self._addresses = addresses
        self.server = f"https://{addresses.node}:{port}"

    def pair(self, name: str) -> tuple[Path, Path]:
        """Certificate and private key of one name."""
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def kubeconfig(self, user: str) -> Path:
        """Kubeconfig of one of the cluster's programs, or of the user `admin`."""
        return self.folder / f"{user}.kubeconfig"

    def token(self, user: str) -> str:
        """Bearer token of a user.

        Raises
        ------
        KeyError
            There is no such user.
        """
        name, _ = _USERS[user]
        rows = [line.split(",") for line in self.tokens.read_text().splitlines()]
        return next(row[0] for row in rows if row[1] == name)

    def ensure(self) -> None:
        """Make everything, unless it is there for the same addresses.

        Raises
        ------
        ClusterError
            openssl failed.
        """
        finished = self.folder / "finished"
        made_for = hashlib.sha256(repr((self._addresses, _USERS)).encode()).hexdigest()
        if finished.exists() and finished.read_text() == made_for:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        self._make_authority()
        self._sign("apiserver", "/CN=kube-apiserver", self._server_names())
        self._sign("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client", "")
        self._sign("kubelet", f"/O=system:nodes/CN=system:node:{NODE_NAME}", self._node_names())
        self._make_service_account_key()
        self._make_tokens()
        finished.write_text(made_for)

    def _server_names(self) -> str:
        service = ["kubernetes", "default", "svc", "cluster", "local"]
        names = ["localhost", *(".".join(service[:count]) for count in (1, 2, 3, 5))]
        ips = ["127.0.0.1", str(self._addresses.node), str(self._addresses.api)]
        return ",".join([f"DNS:{name}" for name in names] + [f"IP:{ip}" for ip in ips])

    def _node_names(self) -> str:
        return f"DNS:{NODE_NAME},IP:{self._addresses.node}"

    def _make_authority(self) -> None:
        certificate, key = self.pair("ca")
        settings = self.folder / "ca.cnf"
        settings.write_text(_AUTHORITY)
        new = ["openssl", "req", "-x509", "-newkey", *_EC, "-nodes", "-config", settings]
        named = ["-days", _DAYS, "-subj", "/CN=meshmigrate-ca"]
        run([*new, *named, "-keyout", key, "-out", certificate])

    def _sign(self, name: str, subject: str, names: str) -> None:
        certificate, key = self.pair(name)
        request = self.folder / f"{name}.csr"
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(_LEAF + (f"subjectAltName = {names}\n" if names else ""))
        new = ["openssl", "req", "-newkey", *_EC, "-nodes", "-config", self.folder / "ca.cnf"]
        run([*new, "-keyout", key, "-out", request, "-subj", subject])
        ca, ca_key = self.pair("ca")
        sign = ["openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key]
        valid = ["-CAcreateserial", "-days", _DAYS, "-extfile", extensions]
        run([*sign, *valid, "-out", certificate])

    def _make_service_account_key(self) -> None:
        public, key = self.folder / "service-account.pub", self.pair("service-account")[1]
        run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", key])
        run(["openssl", "ec", "-in", key, "-pubout", "-out", public])

    def _make_tokens(self) -> None:
        rows = []
        for number, (user, (name, group)) in enumerate(sorted(_USERS.items())):
            token = secrets.token_hex(20)
            rows.append(f"{token},{name},{number},{group}\n")
            self.kubeconfig(user).write_text(json.dumps(self._config(token), indent=2))
        self.tokens.write_text("".join(rows))

    def _config(self, token: str) -> dict[str, object]:
        """Kubeconfig without references to other files, so that it may be copied anywhere."""
        authority = base64.b64encode(self.ca.read_bytes()).decode()
        cluster = {"server": self.server, "certificate-authority-data": authority}
        name = "meshmigrate"
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": name, "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
