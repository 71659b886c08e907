"""The operator as the chart installs it tells how runs end: by its webhook and by Apprise."""

import json
from typing import Any

import pytest

from tests.cluster.kubernetes import Json, eventually
from tests.cluster.tenant import DATABASE_NAMESPACE, Tenant

SINK = ("-n", DATABASE_NAMESPACE)
GOOD = {"1_users.sql": "create table users (id int);"}
BACK = {"1_users.sql": "drop table users;"}
BAD = {**GOOD, "2_bad.sql": "select 1;\nselect 1 / 0;"}


@pytest.fixture
def listening(tenant: Tenant) -> Tenant:
    """Give a tenant beside a sink to which the operator's channels lead."""
    kubectl = tenant.cluster.kubectl
    kubectl(*SINK, "apply", "-f", "tests/cluster/sink.yaml")
    kubectl(*SINK, "rollout", "status", "deployment/sink", "--timeout=2m")
    return tenant


def posted(tenant: Tenant, path: str) -> list[Any]:
    """Give what the sink got at a path."""
    log = tenant.cluster.kubectl(*SINK, "logs", "deployment/sink", "--tail=-1")
    lines = [json.loads(line) for line in log.splitlines()]
    return [body for at, _, body in lines if at == path]


def told(tenant: Tenant, path: str) -> list[Json]:
    """Give what the sink got at a path about a tenant."""
    return [body for body in posted(tenant, path) if tenant.name in json.dumps(body)]


@pytest.mark.parametrize(
    ("outcome", "files", "condition"),
    [("Succeeded", GOOD, "Ready"), ("RolledBack", BAD, "Stalled")],
)
def test_an_end_is_told(
    listening: Tenant, outcome: str, files: dict[str, str], condition: str
) -> None:
    """Once at each of two channels, with who asked for it; the status says that it has arrived."""
    tenant = listening
    tenant.secret()
    tenant.config_map("web", files)
    tenant.config_map("back", BACK)
    channels = ["program", "people"]
    tenant.apply(
        source={"configMaps": [{"name": "web"}, {"name": "back", "content": "rollbacks"}]},
        policy={"transactionMode": "PerFile"},
        notifications={"channels": channels},
        provenance={"actor": "ada"},
    )
    status = tenant.wait(condition)
    assert {entry["channel"] for entry in status["notifications"]} == set(channels)

    def delivered() -> bool:
        entries = tenant.status()["notifications"]
        return all(entry["state"] == "Delivered" for entry in entries)

    eventually("both are delivered", delivered)
    (event,) = told(tenant, "/program")
    assert event["type"] == f"dev.meshhook.migrations.{outcome}"
    assert event["subject"] == f"{tenant.name}/web"
    assert event["id"] in {entry["id"] for entry in status["notifications"]}
    assert (event["data"]["actor"], event["data"]["database"]) == ("ada", tenant.name)
    (message,) = told(tenant, "/people")
    assert message["title"].startswith(f"[{outcome}] {tenant.name}/web")
    assert "Asked for by: ada" in message["message"]
