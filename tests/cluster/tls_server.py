"""A PostgreSQL server of a tenant's own that lets in by client certificate only."""

import json
from collections.abc import Iterator, Mapping

import trustme
import yaml

from tests.cluster.kubernetes import ROOT, Json
from tests.cluster.tenant import Tenant

_RULES = "hostssl all all all cert\nlocal all all trust\n"
_FOLDER = "/run/tls"
_ARGUMENTS = [
    *("-c", "ssl=on", "-c", f"ssl_cert_file={_FOLDER}/server.crt"),
    *("-c", f"ssl_key_file={_FOLDER}/server.key", "-c", f"ssl_ca_file={_FOLDER}/ca.crt"),
    *("-c", f"hba_file={_FOLDER}/pg_hba.conf"),
]


def start_tls_server(tenant: Tenant) -> None:
    """Start it as the Service ``secure``, with the Secrets ``server``, ``client`` and ``other``.

    ``client`` is of type kubernetes.io/tls and made out to ``postgres``; ``ca`` is a ConfigMap.
    """
    authority = trustme.CA()
    name = f"secure.{tenant.name}.svc"
    server, client = authority.issue_cert(name), authority.issue_cert(common_name="postgres")
    ca = authority.cert_pem.bytes().decode()
    files = {"server.crt": chain(server), "server.key": key(server), "ca.crt": ca}
    files["pg_hba.conf"] = _RULES
    pair = {"tls.crt": chain(client), "tls.key": key(client)}
    password = {"POSTGRES_PASSWORD": "never-used"}
    objects = [
        secret("server", files),
        secret("client", pair, kind="kubernetes.io/tls"),
        secret("postgres", password),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "ca"},
            "data": {"ca.crt": ca},
        },
        *secured(yaml.safe_load_all((ROOT / "hack/demo/postgres.yaml").read_text())),
    ]
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    here = ("-n", tenant.name)
    tenant.cluster.kubectl(*here, "create", "-f", "-", stdin=json.dumps(listed))
    tenant.cluster.kubectl(*here, "rollout", "status", "deployment/postgres", "--timeout=2m")


def secured(objects: Iterator[Json]) -> Iterator[Json]:
    """Give the demo's server the files of TLS, readable for its group only."""
    for body in objects:
        if body["kind"] == "Service":
            body["metadata"]["name"] = "secure"
        else:
            pod = body["spec"]["template"]["spec"]
            pod["securityContext"]["fsGroup"] = 999
            source = {"secretName": "server", "defaultMode": 0o440}
            pod["volumes"] = [{"name": "tls", "secret": source}]
            container = pod["containers"][0]
            container["args"] = _ARGUMENTS
            container["volumeMounts"] = [{"name": "tls", "mountPath": _FOLDER}]
        yield body


def secret(name: str, content: Mapping[str, str], *, kind: str = "Opaque") -> Json:
    """Give a Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": kind,
        "stringData": dict(content),
    }


def chain(issued: trustme.LeafCert) -> str:
    """Give the certificate as PEM."""
    return "".join(pem.bytes().decode() for pem in issued.cert_chain_pems)


def key(issued: trustme.LeafCert) -> str:
    """Give its key as PEM."""
    return issued.private_key_pem.bytes().decode()
