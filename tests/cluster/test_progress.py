"""What somebody sees who looks at a resource while its run works."""

from collections.abc import Callable

from tests.cluster.kubernetes import Json, eventually
from tests.cluster.tenant import Tenant, ready
from tests.cluster.test_kills import kill_operator
from tests.cluster.test_rollback import condition, start

FORWARD_GATE, BACK_GATE = 4711, 4712
FILES = {
    "1_log.sql": "create table log (at int);",
    "2_second.sql": f"create table second (x int);\nselect pg_advisory_xact_lock({FORWARD_GATE});",
    "3_fails.sql": "select 1 / 0;",
}
BACKS = {
    "1_log.sql": "drop table log;",
    "2_second.sql": f"select pg_advisory_xact_lock({BACK_GATE}); drop table second;",
}


def progress_that(tenant: Tenant, what: str, holds: Callable[[Json], bool]) -> Json:
    """Wait for a progress that is so, and give the status."""

    def look() -> Json | None:
        status = tenant.status()
        found = status.get("currentRun", {}).get("progress")
        return status if found and holds(found) else None

    return eventually(what, look)


def test_a_run_shows_where_it_is_and_who_is_in_its_way(tenant: Tenant) -> None:
    """Forward and back; from the log, so an operator that was killed knows it again."""
    with tenant.advisory_lock(BACK_GATE):
        with tenant.advisory_lock(FORWARD_GATE):
            start(tenant, FILES, BACKS)
            status = progress_that(tenant, "a statement", lambda found: "seconds" in found)
            found = status["currentRun"]["progress"]
            assert (found["version"], found["applied"], found["total"]) == ("2", 1, 3)
            assert (found["file"], found["line"]) == ("web/2_second.sql", 2)
            assert found["statement"] == "select pg_advisory_xact_lock(…)"
            assert found["waitingFor"] == "a lock"
            assert "'psql'" in found["blockers"][0]
            message = ready(status)["message"]
            assert message.startswith("applying 2 of 3: web/2_second.sql:2, select pg_")
            assert "waits for a lock held by process " in message
            assert condition(status, "RollbackReady")["reason"] == "ScriptUnverified"
            assert message in tenant.cluster.kubectl("-n", tenant.name, "get", "dbm", "-o", "wide")
            kill_operator(tenant)
            before = found["seconds"]
            progress_that(tenant, "later progress", lambda found: found["seconds"] > before)
        status = progress_that(tenant, "a rollback", lambda found: "waitingFor" in found)
        assert status["phase"] == ready(status)["reason"] == "RollingBack"
        found = status["currentRun"]["progress"]
        assert (found["direction"], found["version"], found["total"]) == ("down", "2", 2)
        assert "division by zero" in ready(status)["message"]
        assert condition(status, "Reconciling")["status"] == "True"
        eventually("an event", lambda: "RollbackStarted" in tenant.events())
    status = tenant.wait("Stalled")
    assert status["phase"] == "RolledBack"
    assert "currentRun" not in status
    assert tenant.events().count("RollbackStarted") == 1
