"""Secrets as the operators of PostgreSQL make them, used as they are; and what is not allowed."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from hack.demo.setting import PASSWORD
from tests.cluster.kubernetes import ROOT, Cluster, Json
from tests.cluster.tenant import DATABASE_NAMESPACE, Tenant, ready

FILES = {"1_a.sql": "create table a (id int);"}
FULL_NAME = f"postgres.{DATABASE_NAMESPACE}.svc"
NO_TLS = {"tls": {"mode": "disable"}}


def key(name: str, key: str) -> Json:
    """Give a part from a key of a Secret."""
    return {"secretKeyRef": {"name": name, "key": key}}


def create_secret(tenant: Tenant, name: str, content: Mapping[str, str]) -> None:
    """Create a Secret with several keys."""
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": dict(content),
    }
    tenant.cluster.kubectl("-n", tenant.name, "create", "-f", "-", stdin=json.dumps(body))


def create_service(tenant: Tenant, name: str) -> None:
    """Give the server a name in the tenant's namespace."""
    where = ("-n", tenant.name, "create", "service", "externalname", name)
    tenant.cluster.kubectl(*where, f"--external-name={FULL_NAME}.cluster.local")


def cloudnative_pg(tenant: Tenant) -> Json:
    """Make the Secret `<cluster>-app` of CloudNativePG; its host is a bare Service name."""
    create_service(tenant, "web-rw")
    place = f"web-rw.{tenant.name}:5432/{tenant.name}"
    content = {
        "username": "postgres",
        "user": "postgres",
        "password": PASSWORD,
        "host": "web-rw",
        "port": "5432",
        "dbname": tenant.name,
        "pgpass": f"web-rw:5432:{tenant.name}:postgres:{PASSWORD}\n",
        "uri": f"postgresql://postgres:{PASSWORD}@{place}",
        "jdbc-uri": f"jdbc:postgresql://{place}?password={PASSWORD}&user=postgres",
    }
    create_secret(tenant, "web-app", content)
    parts = {"host": "host", "port": "port", "dbname": "dbname", "user": "username"}
    parts |= {"password": "password"}
    return {"connection": {part: key("web-app", name) for part, name in parts.items()}}


def zalando(tenant: Tenant) -> Json:
    """Make the Secret of Zalando's operator: user and password, the host stands beside it."""
    create_service(tenant, "acid-web")
    name = "postgres.acid-web.credentials.postgresql.acid.zalan.do"
    create_secret(tenant, name, {"username": "postgres", "password": PASSWORD})
    connection = {
        "host": {"value": f"acid-web.{tenant.name}.svc"},
        "dbname": {"value": tenant.name},
        "user": key(name, "username"),
        "password": key(name, "password"),
    }
    return {"connection": connection}


def crunchy(tenant: Tenant) -> Json:
    """Make the Secret `<cluster>-pguser-<user>` of Crunchy's operator; its host is elsewhere."""
    content = {
        "user": "postgres",
        "password": PASSWORD,
        "host": FULL_NAME,
        "port": "5432",
        "dbname": tenant.name,
        "uri": f"postgresql://postgres:{PASSWORD}@{FULL_NAME}:5432/{tenant.name}",
        "verifier": "SCRAM-SHA-256$4096:x",
    }
    create_secret(tenant, "hippo-pguser-postgres", content)
    parts = ("host", "port", "dbname", "user", "password")
    return {"connection": {part: key("hippo-pguser-postgres", part) for part in parts}}


def uri_of(name: str) -> Json:
    """Give the database by the URL in a Secret."""
    return {"url": {"secretKeyRef": {"name": name, "key": "uri"}}}


SHAPES = {"cloudnative-pg": cloudnative_pg, "zalando": zalando, "crunchy": crunchy}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_secret_of_an_operator_is_used_as_it_is(tenant: Tenant, shape: str) -> None:
    """Every part from where that operator has it; where it has a URL, by that too."""
    database = SHAPES[shape](tenant)
    tenant.config_map("web", FILES)
    tenant.apply(database=database | NO_TLS)
    status = tenant.wait("Ready")
    assert status["lastRun"]["applied"]["count"] == 1
    secrets = {"cloudnative-pg": "web-app", "crunchy": "hippo-pguser-postgres"}
    if name := secrets.get(shape):
        tenant.apply(database=uri_of(name) | NO_TLS)
        assert tenant.wait_for_reason("UpToDate")


def test_a_host_elsewhere_is_refused_before_there_is_a_pod(tenant: Tenant) -> None:
    """The password would be sent to whoever the author of the resource names."""
    database = zalando(tenant)
    database["connection"]["host"] = {"value": FULL_NAME}
    tenant.config_map("web", FILES)
    tenant.apply(database=database | NO_TLS)
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Refused", "HostNotAllowed")
    assert f'"{FULL_NAME}"' in ready(status)["message"]
    assert "allowedHosts" in ready(status)["message"]
    assert tenant.jobs() == []
    database["connection"]["host"] = {"value": "acid-web"}
    tenant.apply(database=database | NO_TLS)
    assert tenant.wait("Ready")["runNumber"] == 1


def test_a_host_from_another_secret_is_refused_by_the_runner(tenant: Tenant) -> None:
    """Nothing of either Secret is shown."""
    database = zalando(tenant)
    create_secret(tenant, "other", {"host": "elsewhere.example.com"})
    database["connection"]["host"] = key("other", "host")
    tenant.config_map("web", FILES)
    tenant.apply(database=database | NO_TLS)
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Refused", "HostNotAllowed")
    assert "elsewhere" not in json.dumps(status)


def test_a_missing_key_of_a_part_is_named(tenant: Tenant) -> None:
    """With its Secret, and what it is to hold."""
    database = zalando(tenant)
    create_secret(tenant, "half", {"username": "postgres"})
    database["connection"]["password"] = key("half", "password")
    tenant.config_map("web", FILES)
    tenant.apply(database=database | NO_TLS)
    message = tenant.wait_for_reason("SecretKeyNotFound")
    assert 'Secret "half" has no key "password"' in message
    assert "the password of the connection" in message


PLAIN = {name: {"value": "x"} for name in ("host", "dbname", "user")}


@pytest.mark.parametrize(
    ("database", "said"),
    [
        ({}, "give exactly one of url and connection"),
        (uri_of("x") | {"connection": PLAIN}, "give exactly one of url and connection"),
        ({"connection": {"host": {"value": "x"}}}, "dbname: Required value"),
        (
            {"connection": PLAIN | {"password": {"value": "hunter2"}}},
            "a password may not stand in a resource",
        ),
        ({"connection": PLAIN | {"user": {}}}, "give exactly one of value and secretKeyRef"),
        ({"connection": PLAIN | {"host": {"value": "a,b"}}}, "must be one host name or address"),
        ({"connection": PLAIN | {"host": {"value": "/run/x"}}}, "must be one host name or address"),
        ({"connection": PLAIN | {"port": {"value": 70000}}}, "must be a number from 1 to 65535"),
        ({"connection": PLAIN, "tls": {"mode": "prefer"}}, 'Unsupported value: "prefer"'),
        (
            {
                "connection": PLAIN,
                "tls": {"mode": "disable", "clientCertificate": {"secretRef": {"name": "x"}}},
            },
            "disable uses no certificate",
        ),
        (
            {"connection": PLAIN, "tls": {"rootCertificate": {}}},
            "give exactly one of configMapKeyRef and secretKeyRef",
        ),
    ],
)
def test_a_connection_that_cannot_be_meant_is_refused_by_kubectl(
    operator: Cluster, database: dict[str, Any], said: str
) -> None:
    """With what is right; a password that stood there is not repeated."""
    answer = Tenant(operator, "default").refused(database=database)
    assert said in answer
    assert "hunter2" not in answer


def test_the_bare_address_of_a_server_needs_permission(tenant: Tenant) -> None:
    """Nothing tells whose it is."""
    database = zalando(tenant)
    database["connection"]["host"] = {"value": "2130706433"}
    tenant.apply(database=database)
    assert ready(tenant.wait("Stalled"))["reason"] == "HostNotAllowed"


def test_every_example_is_accepted_by_the_api_server(tenant: Tenant) -> None:
    """By its schema and its rules."""
    for path in sorted(ROOT.glob("examples/manifests/*.yaml")):
        body = yaml.safe_load(path.read_text())
        del body["metadata"]["namespace"]
        create = ("-n", tenant.name, "create", "--dry-run=server", "-f", "-")
        assert "created" in tenant.cluster.kubectl(*create, stdin=json.dumps(body)), path.name
