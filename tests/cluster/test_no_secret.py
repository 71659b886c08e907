"""No secret is seen in the cluster, but in the Secrets: of the database, of TLS, of channels."""

import json
from functools import partial

from tests.cluster.kubernetes import SYSTEM_NAMESPACE, Json, eventually
from tests.cluster.tenant import HOST, Tenant
from tests.cluster.test_notifications import listening as listening  # noqa: PLC0414  a fixture
from tests.cluster.test_notifications import told
from tests.cluster.tls_server import secret

MARK = "zqxj"
"""Stands in every canary."""
SHOWN_NOWHERE = (MARK, "w0rd")
"""The canaries, and a part of the database's password."""

FILES = {
    "1_a.sql": "create table a (x text default 'zqxj-default'); insert into a values ('zqxj-row');",
    "2_b.sql": f"comment on table a is '{MARK}-comment';",
    "3_c.sql": "alter table a alter x drop default, alter x type int using x::int;",
}
BACK = {
    "1_a.sql": "drop table a;",
    "2_b.sql": f"select '{MARK}-back'::text; comment on table a is null;",
}
CHANNELS = ["canary", "gone", "lost"]
"""One that listens, and a webhook and a URL of Apprise that lead nowhere."""
FAILURE = "invalid input syntax for type integer"
"""What the server says of the third file, and then repeats a row."""
KEY = f"-----BEGIN PRIVATE KEY-----\n{MARK}{MARK}\n-----END PRIVATE KEY-----\n"
OTHERS = {
    "nobody": f"postgres://{MARK}_nobody:{MARK}-pw@{HOST}/{MARK}_db?sslmode=disable",
    "nowhere": f"postgres://{MARK}_user:{MARK}-pw@{MARK}-host.invalid/{MARK}_db?sslmode=disable",
    "options": f"postgres://postgres:{MARK}@{HOST}/postgres?sslmode=disable&options=-c%20{MARK}%3D1",
    "nothing": f"{MARK}-text",
}
"""Connections that fail, by the name of the resource and of its Secret."""


def create_secrets(tenant: Tenant) -> None:
    """Create the Secrets of all connections, and those of a TLS connection that fails."""
    tenant.secret()
    broken = {"tls.crt": KEY, "tls.key": KEY}
    objects = [secret(name, {"url": url}) for name, url in OTHERS.items()]
    objects += [secret("broken", broken), secret("root", {"ca.crt": KEY})]
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    tenant.cluster.kubectl("-n", tenant.name, "create", "-f", "-", stdin=json.dumps(listed))


def has_ended(tenant: Tenant, name: str) -> Json | None:
    """Give the status of a resource whose first attempt has told how it went."""
    status = tenant.cluster.get("-n", tenant.name, f"dbmigration/{name}").get("status", {})
    if status.get("lastRun"):
        return dict(status)
    reasons = {each["reason"] for each in status.get("conditions", ()) if each["type"] == "Ready"}
    return dict(status) if reasons & {"DatabaseUnreachable"} else None


def begun(tenant: Tenant) -> list[str]:
    """Give the names of the runners' pods that have a log."""
    pods = tenant.cluster.get("-n", tenant.name, "pods", "-l", "migrations.meshhook.dev/run")
    ended = (pod for pod in pods["items"] if pod["status"]["phase"] in {"Succeeded", "Failed"})
    return [pod["metadata"]["name"] for pod in ended]


def everything(tenant: Tenant) -> dict[str, str]:
    """Give all that can be read of a tenant and of the operator, but for Secrets and sources."""
    kubectl = tenant.cluster.kubectl
    here, system = ("-n", tenant.name), ("-n", SYSTEM_NAMESPACE)
    kinds = "databasemigrations,jobs,pods,events,leases,deployments,replicasets"
    metrics = f"/api/v1/namespaces/{SYSTEM_NAMESPACE}/services/meshmigrate:metrics/proxy/metrics"
    return {
        "objects": kubectl(*here, "get", kinds, "-o", "json"),
        "the operator's objects": kubectl(*system, "get", kinds, "-o", "json"),
        "the runners' logs": "\n".join(kubectl(*here, "logs", name) for name in begun(tenant)),
        "the operators' logs": tenant.cluster.operator_logs(),
        "metrics": kubectl("get", "--raw", metrics),
        "notifications": json.dumps(told(tenant, f"/{MARK}-path")),
        "what kubectl describes": kubectl(*here, "describe", "databasemigrations,jobs,pods"),
    }


def test_no_secret_is_seen_but_in_the_secrets(listening: Tenant) -> None:
    """A run that succeeds, one that goes back, and connections that fail, all of them told."""
    tenant = listening
    create_secrets(tenant)
    tenant.config_map("web", FILES)
    tenant.config_map("back", BACK)
    common: Json = {
        "source": {"configMaps": [{"name": "web"}, {"name": "back", "content": "rollbacks"}]},
        "policy": {"transactionMode": "PerFile"},
        "notifications": {"channels": CHANNELS},
    }
    tenant.apply(target=1, **common)
    tenant.wait("Ready")
    tenant.patch(target="latest")
    assert tenant.wait("Stalled")["phase"] == "RolledBack"
    for name in OTHERS:
        url = {"secretKeyRef": {"name": name, "key": "url"}}
        tenant.apply(name, database={"url": url}, **common)
    url = {"secretKeyRef": {"name": "db", "key": "DATABASE_URL"}}
    tls = {
        "rootCertificate": {"secretKeyRef": {"name": "root", "key": "ca.crt"}},
        "clientCertificate": {"secretRef": {"name": "broken"}},
    }
    tenant.apply("keys", database={"url": url, "tls": tls}, **common)
    for name in (*OTHERS, "keys"):
        eventually(f"the end of {name}", partial(has_ended, tenant, name), seconds=90)
    notified = partial(told, tenant, f"/{MARK}-path")
    eventually("a notification of it", lambda: FAILURE in json.dumps(notified()))
    eventually("those that fail", lambda: attempts_in_vain(tenant) == {"gone", "lost"})
    seen = everything(tenant)
    assert {place for place, text in seen.items() if FAILURE in text} >= {
        "objects",
        "the runners' logs",
        "notifications",
    }
    assert leaks(seen) == {}


FIRST = "create table {table} (x text default 'zqxj-default'); insert into {table} values ('zqxj');"
SECOND = "alter table {table} alter x drop default, alter x type int using x::int;"
DROP = "drop table {table};"
GATE = "select pg_advisory_xact_lock(4711) from (values ('zqxj')) as v (x);"
STORIES: dict[str, tuple[str, dict[str, str], str, Json]] = {
    "plan": ("AwaitingApproval", {"1_a.sql": FIRST}, DROP, {"approval": "Required"}),
    "halt": ("Halted", {"1_a.sql": FIRST, "2_b.sql": SECOND}, DROP, {"onFailure": "Halt"}),
    "worse": (
        "RollbackFailed",
        {"1_a.sql": FIRST, "2_b.sql": SECOND},
        f"select '{MARK}-back'::int;",
        {},
    ),
    "other": (
        "RollbackFailed",
        {"1_a.sql": FIRST, "2_b.sql": SECOND},
        f"alter table {{table}} alter x set default '{MARK}-left';",
        {},
    ),
    "stop": ("Cancelled", {"1_a.sql": FIRST, "2_b.sql": GATE}, DROP, {}),
}
"""The outcome, the files, the way back of the first one, and the policy, by the resource."""


def begin(tenant: Tenant, name: str) -> None:
    """Begin a story, in tables and a ledger of its own."""
    _, files, back, policy = STORIES[name]
    tenant.config_map(name, {file: text.format(table=name) for file, text in files.items()})
    tenant.config_map(f"{name}-back", {"1_a.sql": back.format(table=name)})
    maps = [{"name": name}, {"name": f"{name}-back", "content": "rollbacks"}]
    tenant.apply(
        name,
        source={"configMaps": maps},
        policy={"transactionMode": "PerFile", **policy},
        ledger={"schema": f"ledger_{name}"},
        notifications={"channels": CHANNELS},
    )


def test_no_secret_is_seen_of_what_needs_somebody(listening: Tenant) -> None:
    """Of a plan that is to be approved, of runs that halt, cannot go back, or are cancelled."""
    tenant = listening
    tenant.secret()
    for name in STORIES:
        if name == "stop":
            continue
        begin(tenant, name)
        assert tenant.wait("Stalled", name)["phase"] == STORIES[name][0]
    with tenant.advisory_lock():
        begin(tenant, "stop")
        eventually("a migration in its middle", tenant.waiting_for_advisory_lock)
        tenant.cancel("stop")
        # Without the lock the runner might be done before it is stopped.
        assert tenant.wait("Stalled", "stop")["phase"] == "Cancelled"
    path = f"/{MARK}-path"
    outcomes = {outcome for outcome, *_ in STORIES.values()}

    def all_told() -> bool:  # one message tells several that end within ten seconds
        text = json.dumps(told(tenant, path))
        return all(outcome in text for outcome in outcomes)

    eventually("a notification of each", all_told)
    eventually("those that fail", lambda: attempts_in_vain(tenant, "stop") == {"gone", "lost"})
    seen = everything(tenant)
    assert all(outcome in seen["objects"] for outcome in outcomes)
    assert outcomes <= {*tenant.events()}
    assert leaks(seen) == {}


def leaks(seen: dict[str, str]) -> dict[str, list[str]]:
    """Give the lines that show a canary, by where they are."""
    assert all(seen.values())
    found = {
        place: [line for line in text.splitlines() if any(part in line for part in SHOWN_NOWHERE)]
        for place, text in seen.items()
    }
    return {place: lines for place, lines in found.items() if lines}


def attempts_in_vain(tenant: Tenant, name: str = "web") -> set[str]:
    """Give the channels that were tried and did not take it."""
    entries = tenant.status(name).get("notifications", [])
    return {e["channel"] for e in entries if e.get("attempts") and e["state"] == "Pending"}
