"""Migrations by `kubectl apply`, as CI does them."""

from hack.demo.setting import PASSWORD
from tests.cluster.tenant import HOST, Tenant, ready

FILES = {
    "1_accounts.sql": "create table accounts (id bigint primary key);",
    "2_names.sql": "alter table accounts add column name text;",
}
ROLLBACKS = {
    "1_accounts.sql": "drop table accounts;",
    "2_names.sql": "alter table accounts drop column name;",
}
BROKEN = {"3_broken.sql": "select 1;\nalter table missing add column x int;"}


def test_a_migration_becomes_ready(tenant: Tenant) -> None:
    """Applied, waited for, done: version, count, Job and event say so."""
    tenant.secret()
    tenant.config_map("web", FILES)
    tenant.apply()
    status = tenant.wait("Ready")
    assert status["phase"] == "Succeeded"
    assert (status["currentVersion"], status["pendingCount"]) == ("2", 0)
    assert status["database"]["name"] == tenant.name
    assert status["lastRun"]["applied"] == {"count": 2, "first": "1", "last": "2"}
    assert tenant.query("select version from meshmigrate.applied order by 1") == ["1", "2"]
    shown = tenant.cluster.kubectl("-n", tenant.name, "get", "dbm")
    assert shown.split()[:5] == ["NAME", "PHASE", "VERSION", "PENDING", "REASON"]
    selector = "--field-selector=status.phase=Succeeded"
    assert "web" in tenant.cluster.kubectl("-n", tenant.name, "get", "dbm", selector)
    events = tenant.cluster.kubectl("-n", tenant.name, "get", "events")
    assert "RunStarted" in events
    assert "Succeeded" in events


def test_a_failing_migration_is_rolled_back_and_stalled(tenant: Tenant) -> None:
    """The third file fails: the first two are taken back, and the message says where and why."""
    tenant.secret()
    tenant.config_map("web", {**FILES, **BROKEN})
    tenant.config_map("back", ROLLBACKS)
    maps = [{"name": "web"}, {"name": "back", "content": "rollbacks"}]
    tenant.apply(source={"configMaps": maps})
    status = tenant.wait("Stalled")
    assert status["phase"] == "RolledBack"
    message = ready(status)["message"]
    assert "web/3_broken.sql:2" in message
    assert "42P01" in message
    assert status["lastRun"]["failure"]["version"] == "3"
    assert status["lastRun"]["rolledBack"]["count"] == 2
    assert tenant.query("select to_regclass('accounts') is null") == ["t"]


def test_a_corrected_migration_goes_on_by_an_edit(tenant: Tenant) -> None:
    """After a refusal the next ConfigMap starts the next run; no other hand is needed."""
    tenant.secret()
    tenant.config_map("web", {**FILES, "3_typo.sql": "create tabel x (id int);"})
    tenant.apply()
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Refused", "SyntaxError")
    tenant.config_map("web-2", {**FILES, "3_right.sql": "create table x (id int);"})
    tenant.apply(source={"configMaps": [{"name": "web-2"}]})
    status = tenant.wait("Ready")
    assert (status["runNumber"], status["currentVersion"]) == (2, "3")


def test_a_second_run_by_annotation_finds_nothing_to_do(tenant: Tenant) -> None:
    """The annotation starts a run; what is applied is not applied again."""
    tenant.secret()
    tenant.config_map("web", FILES)
    tenant.apply()
    tenant.wait("Ready")
    annotation = "migrations.meshhook.dev/run-requested-at=2026-01-01T00:00:00Z"
    tenant.cluster.kubectl("-n", tenant.name, "annotate", "dbm/web", annotation)
    tenant.wait_for_reason("UpToDate")
    assert tenant.status()["runNumber"] == 2


def test_a_deleted_resource_leaves_nothing_behind(tenant: Tenant) -> None:
    """Job and pod go with it; the database stays as it is."""
    tenant.secret()
    tenant.config_map("web", FILES)
    tenant.apply()
    tenant.wait("Ready")
    tenant.cluster.kubectl("-n", tenant.name, "delete", "dbm/web", "--timeout=30s")
    tenant.cluster.kubectl("-n", tenant.name, "wait", "--for=delete", "jobs", "--all")
    assert tenant.query("select count(*) from meshmigrate.applied") == ["2"]


def test_the_password_is_nowhere_to_be_read(tenant: Tenant) -> None:
    """Not in a log, an event, a status or a Job, whether the run went well or could not begin."""
    cluster, here = tenant.cluster, ("-n", tenant.name)
    tenant.secret()
    tenant.config_map("web", FILES)
    tenant.apply()
    tenant.wait("Ready")
    secrets = [PASSWORD]
    urls = {
        "wrong": f"postgres://postgres:w@rong#secret@{HOST}/{tenant.name}?sslmode=disable",
        "ambiguous": f"postgres://postgres:hidden@two/w@{HOST}/{tenant.name}",
    }
    for name, url in urls.items():
        secrets.append(url.partition("postgres:")[2].partition(f"@{HOST}")[0])
        create = ("create", "secret", "generic", name, "--from-file=URL=/dev/stdin")
        cluster.kubectl(*here, *create, stdin=url)
        tenant.apply(name, database={"url": {"secretKeyRef": {"name": name, "key": "URL"}}})
        tenant.wait("Stalled", name)
    readable = "\n".join(
        (
            cluster.kubectl(*here, "get", "dbmigrations,jobs,pods,events,configmaps", "-o", "json"),
            cluster.kubectl(*here, "logs", "-l", "migrations.meshhook.dev/run", "--tail=-1"),
            cluster.operator_logs(),
        )
    )
    assert "run-finished" in readable
    assert [secret for secret in secrets if secret in readable] == []
