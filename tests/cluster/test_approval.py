"""Plans and approvals on the cluster, with nothing but kubectl."""

import hashlib
import shlex

from tests.cluster.kubernetes import eventually
from tests.cluster.tenant import Tenant, ready
from tests.cluster.test_kills import FILES, kill_runner

TWO = {
    "1_users.sql": "alter table users add column name text;",
    "2_orders.sql": "create table orders (id int);",
}
REQUIRED = {"approval": "Required"}
RUN_AGAIN = "migrations.meshhook.dev/run-requested-at"


def approve(tenant: Tenant) -> str:
    """Do what the message says, and give the digest."""
    status = tenant.wait("Stalled")
    assert status["phase"] == "AwaitingApproval"
    _, found, command = ready(status)["message"].rpartition("kubectl ")
    assert found
    tenant.cluster.kubectl(*shlex.split(command))
    return str(status["plan"]["digest"])


def run_again(tenant: Tenant, value: str) -> None:
    """Ask for another run."""
    annotation = f"{RUN_AGAIN}={value}"
    tenant.cluster.kubectl("-n", tenant.name, "annotate", "--overwrite", "dbm/web", annotation)


def test_a_plan_only_resource_changes_nothing(tenant: Tenant) -> None:
    """Its status is the plan, also in wide output; the database has not even a ledger."""
    tenant.query("create table users (id int)")
    tenant.secret()
    tenant.config_map("web", TWO)
    tenant.apply(mode="Plan")
    status = tenant.wait("Ready")
    assert (status["phase"], ready(status)["reason"]) == ("Succeeded", "Planned")
    plan = status["plan"]
    assert [each["name"] for each in plan["versions"]] == ["users", "orders"]
    assert (plan["strongestLock"], plan["transactionMode"]) == ("ACCESS EXCLUSIVE", "Batch")
    assert "version 1 cannot be taken back by itself" in plan["transactionModeReason"]
    assert plan["rollbackReady"] == "Transactional"
    assert plan["digest"] in tenant.cluster.kubectl("-n", tenant.name, "get", "dbm", "-o", "wide")
    eventually("an event", lambda: "PlanReady" in tenant.events())
    assert tenant.relations() == ["public.users"]


def test_a_plan_runs_when_it_is_approved_and_not_before(tenant: Tenant) -> None:
    """The message has the command; what ran is stored with the digest that was approved."""
    tenant.secret()
    tenant.config_map("web", FILES)
    with tenant.advisory_lock():
        tenant.apply(policy=REQUIRED)
        digest = approve(tenant)
        assert tenant.relations() == []
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
        kill_runner(tenant)
        eventually("the next attempt", lambda: len(tenant.jobs()) > 2)
    status = tenant.wait("Ready", seconds=90)
    assert (status["runNumber"], status["lastRun"]["attempts"]) == (2, 2)
    assert "plan" not in status
    assert tenant.query("select file from done order by file") == ["1", "2", "3"]
    assert tenant.query("select plan_digest from meshmigrate.run") == [digest]
    assert "AwaitingApproval" in tenant.events()
    run_again(tenant, "1")
    eventually("nothing to approve", lambda: tenant.status()["runNumber"] == 3)
    assert ready(tenant.wait("Ready"))["reason"] == "UpToDate"


def test_another_plan_than_the_approved_one_waits_again(tenant: Tenant) -> None:
    """Old and new are named, and the new one can be approved."""
    tenant.query("create table users (id int)")
    tenant.secret()
    tenant.config_map("web", TWO)
    before = f"sha256:{'0' * 64}"
    tenant.apply(policy=REQUIRED, approvedPlan=before)
    message = tenant.wait_for_reason("PlanChanged")
    assert before in message
    assert approve(tenant) in message
    assert tenant.wait("Ready")["currentVersion"] == "2"


def test_the_resource_says_what_the_history_takes_over(tenant: Tenant) -> None:
    """A baseline and an accepted file, each once; what is refused has the command's reason."""
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "select 1 / 0;", "2_b.sql": "create table b (id int);"})
    tenant.apply(ledger={"baseline": 1}, provenance={"actor": "ann"})
    assert tenant.wait("Ready")["lastRun"]["applied"]["count"] == 1
    edited = "create table b (id int); -- edited"
    tenant.config_map("web-2", {"1_a.sql": "select 1 / 0;", "2_b.sql": edited})
    source = {"configMaps": [{"name": "web-2"}]}
    tenant.apply(source=source, ledger={"baseline": 1})
    assert "ledger.accept" in tenant.wait_for_reason("ChecksumMismatch")
    checksum = f"sha256:{hashlib.sha256(edited.encode()).hexdigest()}"
    accepted = {"version": "2", "checksum": checksum, "reason": "a comment only"}
    ledger = {"baseline": 1, "accept": [accepted]}
    tenant.apply(source=source, ledger=ledger, provenance={"actor": "ann"})
    assert tenant.wait("Ready")["runNumber"] == 3
    said = tenant.query("select message from meshmigrate.log where event = 'ChecksumAccepted'")
    assert said[0].endswith("accepted by ann: a comment only")
    tenant.apply(source=source, ledger={"accept": [accepted], "adopt": "Supabase"})
    assert "meshmigrate baseline" in tenant.wait_for_reason("NothingToAdopt")


def test_a_mistake_about_plans_and_histories_is_refused_by_the_api(tenant: Tenant) -> None:
    """With a message that says what is right."""
    digest = f"sha256:{'0' * 64}"
    assert "only with policy.approval: Required" in tenant.refused(approvedPlan=digest)
    assert "64 hexadecimal digits" in tenant.refused(policy=REQUIRED, approvedPlan="sha256:1")
    assert "digits of a version" in tenant.refused(ledger={"baseline": "v1"})
    assert "give one of them" in tenant.refused(ledger={"baseline": 1, "adopt": "Supabase"})
    accepted = {"version": "1", "checksum": digest, "reason": ""}
    assert "reason" in tenant.refused(ledger={"accept": [accepted]})
    assert "Plan" in tenant.refused(mode="Look")
