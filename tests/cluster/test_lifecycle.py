"""What people do to a run that is under way: hold it up, take it back, change it, queue another."""

from tests.cluster.kubernetes import eventually
from tests.cluster.tenant import Tenant, ready
from tests.cluster.test_rollback import FIRST, NOT_FIRST, start

AT_THE_GATE = {
    **FIRST,
    "2_second.sql": "insert into log values (2); select pg_advisory_xact_lock(4711);",
}
BACKS = {**NOT_FIRST, "2_second.sql": "delete from log;"}
SOURCE = {"configMaps": [{"name": "web"}, {"name": "back", "content": "rollbacks"}]}


def begin(tenant: Tenant, **spec: object) -> None:
    """Apply a DatabaseMigration and wait until its second file is in its middle."""
    start(tenant, AT_THE_GATE, BACKS, **spec)
    eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)


def applied(tenant: Tenant) -> list[str]:
    """Give the versions in the history."""
    return tenant.query("select version from meshmigrate.applied order by ordinal")


def test_a_suspended_resource_waits_and_goes_on(tenant: Tenant) -> None:
    """Its first run is held back; a run at work ends, and what follows it is held back too."""
    start(tenant, FIRST, NOT_FIRST, suspend=True)
    assert tenant.wait("Stalled")["phase"] == "Suspended"
    assert tenant.jobs() == []
    tenant.patch(suspend=False)
    assert tenant.wait("Ready")["runNumber"] == 1
    tenant.config_map("gate", AT_THE_GATE)
    maps = [{"name": "gate"}, {"name": "back", "content": "rollbacks"}]
    with tenant.advisory_lock():
        tenant.patch(source={"configMaps": maps})
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
        tenant.patch(suspend=True, target=1)
    tenant.wait_for_reason("Suspended")
    assert applied(tenant) == ["1", "2"]
    tenant.patch(suspend=False, target="latest")
    assert tenant.wait("Ready")["lastRun"]["outcome"] == "Succeeded"


def test_a_running_migration_is_cancelled_by_its_id(tenant: Tenant) -> None:
    """The runner is stopped in order; an attempt of the same run takes back what it applied."""
    with tenant.advisory_lock():
        begin(tenant)
        run_id = tenant.cancel()
        eventually("the next attempt", lambda: tenant.status()["currentRun"]["intent"] == "undo")
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Cancelled", "Cancelled")
    last = status["lastRun"]
    assert (last["id"], last["attempts"]) == (run_id, 2)
    assert last["rolledBack"] == {"count": 1, "first": "1", "last": "1"}
    assert last["fingerprint"]["after"] == last["fingerprint"]["expected"]
    assert applied(tenant) == []
    assert tenant.query("select id, outcome from meshmigrate.run") == [f"{run_id}|Cancelled"]
    eventually("an event", lambda: "Cancelled" in tenant.events())


def test_a_run_that_cannot_start_is_cancelled_without_a_database(tenant: Tenant) -> None:
    """Its Secret does not exist: there is nothing to take back, and nothing is left."""
    tenant.config_map("web", FIRST)
    tenant.apply()
    tenant.wait_for_reason("SecretNotFound")
    tenant.cancel()
    status = tenant.wait("Stalled")
    assert status["phase"] == "Cancelled"
    assert "Nothing was applied by it." in ready(status)["message"]
    tenant.wait_until_gone("jobs,pods", "--all")
    assert tenant.relations() == []


def test_an_edit_supersedes_a_run_that_cannot_start(tenant: Tenant) -> None:
    """The Secret is missing: the edit names another, and nobody waits for the first run."""
    tenant.config_map("web", FIRST)
    tenant.apply()
    tenant.wait_for_reason("SecretNotFound")
    tenant.secret(key="OTHER")
    tenant.patch(database={"url": {"secretKeyRef": {"name": "db", "key": "OTHER"}}})
    status = tenant.wait("Ready")
    assert [run["outcome"] for run in status["history"]] == ["Succeeded", "Superseded"]
    assert applied(tenant) == ["1"]


def test_an_edit_waits_for_a_runner_at_work(tenant: Tenant) -> None:
    """The run ends with the spec it began with, and the edit is run after it."""
    with tenant.advisory_lock():
        begin(tenant)
        tenant.config_map("more", {**AT_THE_GATE, "3_third.sql": "create table third (x int);"})
        maps = [{"name": "more"}, {"name": "back", "content": "rollbacks"}]
        tenant.patch(source={"configMaps": maps})
        assert tenant.status()["runNumber"] == 1
    eventually("the second run", lambda: tenant.status()["runNumber"] == 2)
    status = tenant.wait("Ready")
    assert [run["outcome"] for run in status["history"]] == ["Succeeded", "Succeeded"]
    assert applied(tenant) == ["1", "2", "3"]


def test_two_resources_on_one_database_follow_each_other(tenant: Tenant) -> None:
    """The second has no Job while the first works; it names it, and follows by itself."""
    with tenant.advisory_lock():
        begin(tenant)
        tenant.apply("later", source=SOURCE, ledger={"schema": "other_history"}, target=1)
        message = tenant.wait_for_reason("Queued", "later")
        assert f"{tenant.name}/web" in message
        assert tenant.status("later")["phase"] == "Queued"
        assert len(tenant.jobs()) == 1
    tenant.wait("Ready")
    later = tenant.wait("Stalled", "later")
    assert later["lastRun"]["failure"]["sqlstate"] == "42P07", "it ran after the first one"
    database = tenant.status()["database"]
    assert database["name"] == tenant.name
    assert database == later["database"]
