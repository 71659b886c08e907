"""TLS from Secrets and ConfigMaps, against a server that wants a client certificate."""

from tests.cluster.kubernetes import eventually
from tests.cluster.tenant import Tenant, ready
from tests.cluster.tls_server import start_tls_server

ROOT = {"rootCertificate": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}}
CLIENT = {"clientCertificate": {"secretRef": {"name": "client"}}}


def test_a_client_certificate_is_shown_and_the_server_verified(tenant: Tenant) -> None:
    """By a pod whose uid owns none of the files; each refusal says what is missing."""
    start_tls_server(tenant)
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    connection = {
        "host": {"value": "secure"},
        "dbname": {"value": "postgres"},
        "user": {"value": "postgres"},
    }
    tenant.apply(database={"connection": connection, "tls": CLIENT})
    assert ready(tenant.wait("Stalled"))["reason"] == "TLSFailed", "nobody vouches for the server"
    connection["host"] = {"value": f"secure.{tenant.name}.svc"}
    tenant.apply(database={"connection": connection, "tls": ROOT})
    message = eventually("the second refusal", lambda: refusal_of_run(tenant, 2))
    assert "connection requires a valid client certificate" in message
    tenant.apply(database={"connection": connection, "tls": ROOT | CLIENT})
    status = tenant.wait("Ready")
    assert status["lastRun"]["applied"]["count"] == 1
    security = tenant.cluster.get("-n", tenant.name, "pods", "-l", "migrations.meshhook.dev/run")
    assert all("runAsUser" not in pod["spec"]["securityContext"] for pod in security["items"])


def refusal_of_run(tenant: Tenant, number: int) -> str | None:
    """Give the message with which a run was refused, once it was."""
    status = tenant.status()
    last = status.get("lastRun", {})
    refused = (last.get("number"), last.get("outcome")) == (number, "Refused")
    return str(ready(status)["message"]) if refused else None


def test_a_missing_certificate_is_named(tenant: Tenant) -> None:
    """A ConfigMap, and the key of one."""
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    url = {"url": {"secretKeyRef": {"name": "db", "key": "DATABASE_URL"}}}
    tenant.apply(database=url | {"tls": ROOT})
    assert 'ConfigMap "ca" does not exist' in tenant.wait_for_reason("ConfigMapNotFound")
    tenant.config_map("empty", {"other": "x"})
    root = {"rootCertificate": {"configMapKeyRef": {"name": "empty", "key": "ca.crt"}}}
    tenant.apply(database=url | {"tls": root})
    message = tenant.wait_for_reason("ConfigMapKeyNotFound")
    assert 'ConfigMap "empty" has no key "ca.crt"' in message
