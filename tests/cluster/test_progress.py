"""What somebody sees who looks at a resource while its run works."""

from collections.abc import Callable

from tests.cluster.kubernetes import Json, eventually
from tests.cluster.tenant import Tenant, ready
from tests.cluster.test_kills import kill_operator
from tests.cluster.test_rollback import condition, start

GATE = "insert into log\nselect id from users where id = {} for update;"
LOCK = "begin; select from users where id = {} for update"
FILES = {
    "1_log.sql": "create table log (id int);",
    "2_second.sql": "select 1;\n" + GATE.format(1),
    "3_fails.sql": "select 1 / 0;",
}
BACKS = {"1_log.sql": "drop table log;", "2_second.sql": GATE.format(2)}


def progress_that(tenant: Tenant, what: str, holds: Callable[[Json], bool]) -> Json:
    """Wait for a progress that is so, and give the status."""

    def look() -> Json | None:
        status = tenant.status()
        found = status.get("currentRun", {}).get("progress")
        return status if found and holds(found) else None

    return eventually(what, look)


def test_a_run_shows_where_it_is_and_who_is_in_its_way(tenant: Tenant) -> None:
    """Forward and back; from the log, so an operator that was killed knows it again."""
    tenant.query("create table users (id int); insert into users values (1), (2);")
    with tenant.session(LOCK.format(2)):
        with tenant.session(LOCK.format(1)):
            start(tenant, FILES, BACKS)
            status = progress_that(tenant, "a statement", lambda found: "blockers" in found)
            found = status["currentRun"]["progress"]
            assert (found["version"], found["applied"], found["total"]) == ("2", 1, 3)
            assert (found["file"], found["line"]) == ("web/2_second.sql", 2)
            assert found["statement"] == (
                "insert into log select id from users where id = … for update"
            )
            assert found["waitingFor"] == "a lock"
            assert "'psql'" in found["blockers"][0]
            message = ready(status)["message"]
            assert message.startswith("applying 2 of 3: web/2_second.sql:2, insert into log")
            assert "waits for a lock held by process " in message
            assert condition(status, "RollbackReady")["reason"] == "ScriptUnverified"
            assert message in tenant.cluster.kubectl("-n", tenant.name, "get", "dbm", "-o", "wide")
            kill_operator(tenant)
            before = found["seconds"]
            progress_that(tenant, "later progress", lambda found: found["seconds"] > before)
        back = {"direction": "down", "version": "2", "waitingFor": "a lock"}
        status = progress_that(tenant, "a rollback", lambda found: back.items() <= found.items())
        assert status["phase"] == ready(status)["reason"] == "RollingBack"
        assert status["currentRun"]["progress"]["total"] == 2
        assert "division by zero" in ready(status)["message"]
        assert condition(status, "Reconciling")["status"] == "True"
        eventually("an event", lambda: "RollbackStarted" in tenant.events())
    status = tenant.wait("Stalled")
    assert status["phase"] == "RolledBack"
    assert "currentRun" not in status
    assert tenant.events().count("RollbackStarted") == 1
