"""The way back on the cluster, as somebody sees it who has only kubectl."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.cluster.kubernetes import Json, eventually
from tests.cluster.tenant import Tenant, ready
from tests.cluster.test_kills import kill_runner, remove_runner

USERS = "create table users (id int, name text); insert into users values (1, 'ann');"
FIRST, NOT_FIRST = {"1_log.sql": "create table log (at int);"}, {"1_log.sql": "drop table log;"}
FAILS = {"3_fails.sql": "select 1;\nselect 1 / 0;"}
PER_FILE = {"transactionMode": "PerFile"}
ALLOW = "-- meshmigrate: allow DeletesData nobody is called by it"
AT_GATE = "select pg_advisory_xact_lock(4711); "


@dataclass(frozen=True)
class Story:
    """A second file and its way back, before a third that fails; and what is to be seen."""

    phase: str
    reason: str
    rollback_ready: tuple[str, str]
    second: str = "alter table users add column email text;"
    back: str | None = "alter table users drop column email;"
    policy: dict[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()


STORIES = {
    "rolled-back": Story("RolledBack", "StatementFailed", ("True", "ScriptUnverified")),
    "rollback-failed": Story(
        *("RollbackFailed", "FingerprintMismatch", ("True", "ScriptUnverified")),
        back="alter table users drop column email; create schema leftover;",
        said=("The database is not as it was before.", "schemas: leftover was not there before"),
    ),
    "halted-without-a-script": Story(
        *("Halted", "NoRollbackScript", ("False", "NoScript")),
        back=None,
        policy=PER_FILE,
        said=("The database is partly migrated. Applied and kept: 1 to 2.",),
    ),
    "halted-as-irreversible": Story(
        *("Halted", "Irreversible", ("False", "Irreversible")),
        back="-- meshmigrate: irreversible mails are sent\nalter table users drop column email;",
        policy=PER_FILE,
        said=("Applied and kept: 1 to 2.",),
    ),
    "data-not-restored": Story(
        *("RolledBack", "DataNotRestored", ("False", "DataLoss")),
        second=f"{ALLOW}\nalter table users drop column name;",
        back="alter table users add column name text;",
        policy=PER_FILE,
        said=("Data that is not restored: version 2: ", "users.name"),
    ),
    "transactional": Story(
        *("Failed", "StatementFailed", ("True", "Transactional")),
        back=None,
        said=("Nothing had been applied",),
    ),
}


def condition(status: Json, kind: str) -> Json:
    """Give a condition."""
    found: Json = next(each for each in status["conditions"] if each["type"] == kind)
    return found


def start(tenant: Tenant, files: dict[str, str], backs: dict[str, str], **spec: Any) -> None:
    """Apply a DatabaseMigration of files and their way back."""
    tenant.secret()
    tenant.config_map("web", files)
    tenant.config_map("back", backs)
    maps = [{"name": "web"}, {"name": "back", "content": "rollbacks"}]
    tenant.apply(source={"configMaps": maps}, **spec)


@pytest.mark.parametrize("name", STORIES)
def test_a_failure_ends_as_was_foreseen(tenant: Tenant, name: str) -> None:
    """Phase, reason, message, event, RollbackReady and the digests tell one story."""
    story = STORIES[name]
    tenant.query(USERS)
    backs = NOT_FIRST | ({"2_second.sql": story.back} if story.back else {})
    start(tenant, {**FIRST, "2_second.sql": story.second, **FAILS}, backs, policy=story.policy)
    status = tenant.wait("Stalled")
    shown = ready(status)
    assert (status["phase"], shown["reason"]) == (story.phase, story.reason), shown
    for part in (*story.said, "web/3_fails.sql:2:1", "22012"):
        assert part in shown["message"]
    told = condition(status, "RollbackReady")
    assert (told["status"], told["reason"]) == story.rollback_ready, told
    eventually("an event", lambda: story.phase in tenant.events())
    schema = status["lastRun"]["fingerprint"]
    back_as_before = story.phase in {"RolledBack", "Failed"}
    assert (schema["before"] == schema["after"]) == back_as_before
    assert schema.get("expected") == (schema["before"] if "Roll" in story.phase else None)


@pytest.mark.parametrize("lose", [kill_runner, remove_runner], ids=["killed", "pod-gone"])
def test_a_runner_lost_on_its_way_back_is_followed_by_one_that_arrives(
    tenant: Tenant, lose: Callable[[Tenant], None]
) -> None:
    """RolledBack is said by the one that proved it, and not before."""
    backs = {**NOT_FIRST, "2_second.sql": AT_GATE + "drop table second;"}
    files = {**FIRST, "2_second.sql": "create table second (x int);", **FAILS}
    with tenant.advisory_lock():
        start(tenant, files, backs)
        eventually("the way back is in its middle", tenant.waiting_for_advisory_lock)
        lose(tenant)
        eventually("the next attempt", lambda: len(tenant.jobs()) > 1)
        assert tenant.status()["phase"] in {"Pending", "Running", "RollingBack"}
    status = tenant.wait("Stalled", seconds=90)
    last = status["lastRun"]
    assert (status["phase"], last["attempts"]) == ("RolledBack", 2)
    assert last["failure"]["file"] == "web/3_fails.sql"
    assert last["rolledBack"] == {"count": 2, "first": "2", "last": "1"}
    assert last["fingerprint"]["after"] == last["fingerprint"]["expected"]
    assert condition(status, "RollbackReady")["reason"] == "ScriptUnverified"
    assert tenant.query("select count(*) from meshmigrate.applied") == ["0"]


def test_a_lower_target_goes_back_where_that_is_allowed(tenant: Tenant) -> None:
    """Refused first; with allowRollback the schema is proven to be what it was at that version."""
    source = {"configMaps": [{"name": "web"}, {"name": "back", "content": "rollbacks"}]}
    second = {"2_second.sql": "create table second (x int);"}
    backs = {**NOT_FIRST, "2_second.sql": "drop table second;"}
    start(tenant, {**FIRST, **second}, backs, target=1)
    then = tenant.wait("Ready")["lastRun"]["fingerprint"]["after"]
    tenant.apply(source=source)
    eventually("version 2", lambda: tenant.status()["currentVersion"] == "2")
    tenant.apply(source=source, target=1)
    refused = tenant.wait("Stalled")
    assert (refused["phase"], ready(refused)["reason"]) == ("Refused", "TargetBelowCurrent")
    assert "allowRollback" in ready(refused)["message"]
    tenant.apply(source=source, target=1, allowRollback=True)
    status = tenant.wait("Ready")
    assert (status["phase"], status["currentVersion"], status["runNumber"]) == ("Succeeded", "1", 4)
    schema = status["lastRun"]["fingerprint"]
    assert schema["after"] == schema["expected"] == then
    assert status["lastRun"]["rolledBack"] == {"count": 1, "first": "2", "last": "2"}
    assert tenant.query("select to_regclass('second') is null") == ["t"]


def test_deleting_a_resource_takes_nothing_back(tenant: Tenant) -> None:
    """In the middle of a run it waits for the run's end, which is that of every run."""
    files = {**FIRST, "2_second.sql": AT_GATE + "create table second (x int);"}
    with tenant.advisory_lock():
        start(tenant, files, {**NOT_FIRST, "2_second.sql": "drop table second;"})
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
        tenant.cluster.kubectl("-n", tenant.name, "delete", "dbm/web", "--wait=false")
    for gone in (("dbm/web",), ("jobs", "--all")):
        wait = ("wait", "--for=delete", *gone, "--timeout=60s")
        tenant.cluster.kubectl("-n", tenant.name, *wait)
    assert tenant.query("select version from meshmigrate.applied order by 1") == ["1", "2"]
    assert tenant.query("select intent, outcome from meshmigrate.run") == ["apply|Succeeded"]
