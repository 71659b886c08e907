"""A plan is shown without a trace; where it has to be approved, only that plan runs."""

import json
import subprocess
from uuid import uuid4

import pytest
from msgspec.structs import replace

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import PlanSummary, Result
from meshmigrate.domain.runspec import Access, Policy, RunIdentity, RunSpec
from meshmigrate.engine.events import Event, EventName
from meshmigrate.source.folder import read_source
from tests.postgres.harness import ALLOW, Database, Project, attempt, make_spec
from tests.postgres.processes import command, environment

REQUIRED = Policy(approval="Required")
APPLY_BY_HAND = """
INSERT INTO meshmigrate.applied
SELECT '2', ordinal + 1, name, checksum, rollback_checksum, applied_at, duration, run_id, how
FROM meshmigrate.applied
"""


@pytest.fixture
def two(database: Database, project: Project) -> Project:
    """Give a project with two files, the second of which changes a table that is there."""
    database.query("CREATE TABLE users (id int)")
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    return project.migration("2", "ALTER TABLE users ADD COLUMN name text")


def show(database: Database, spec: RunSpec) -> Result:
    """Plan only."""
    return attempt(database, replace(spec, run=RunIdentity(id=uuid4(), intent="plan"))).result


def plan_of(result: Result) -> PlanSummary:
    """Give the plan that a result shows."""
    assert result.plan is not None
    return result.plan


def approve(database: Database, project: Project, **fields: object) -> RunSpec:
    """Give the spec of a run whose plan, as it is now, is approved."""
    spec = replace(make_spec(project, policy=REQUIRED), **fields)
    return replace(spec, approved_plan=plan_of(show(database, spec)).digest)


def plan_on_command_line(database: Database, project: Project, *options: str) -> str:
    """Give what ``meshmigrate plan`` shows."""
    return subprocess.run(
        command("plan", *options),
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        capture_output=True,
        check=True,
        text=True,
    ).stdout


def test_a_plan_is_shown_and_leaves_no_trace(database: Database, two: Project) -> None:
    """Versions, names, locks, mode and why, and whether there is a way back; no ledger is made."""
    before = database.dump()
    done = show(database, make_spec(two))
    assert (done.outcome, done.reason, done.pending_count) == (Outcome.SUCCEEDED, "Planned", 2)
    plan = plan_of(done)
    assert (plan.count, plan.target, plan.transaction_mode) == (2, "2", "PerFile")
    assert plan.transaction_mode_reason == "each file can be taken back by itself"
    assert plan.strongest_lock == "ACCESS EXCLUSIVE"
    assert [(each.version, each.name, each.strongest_lock) for each in plan.versions] == [
        ("1", "m", ""),
        ("2", "m", "ACCESS EXCLUSIVE"),
    ]
    assert done.rollback_ready is not None
    assert plan.digest in done.message
    assert database.dump() == before
    assert not database.has_ledger


def test_the_command_line_shows_the_same_digest(database: Database, two: Project) -> None:
    """A person can compare what is to be approved with what the files and the database say."""
    shown = plan_on_command_line(database, two, "--json")
    assert json.loads(shown)["digest"] == plan_of(show(database, make_spec(two))).digest


def test_the_search_path_is_part_of_the_plan(database: Database, two: Project) -> None:
    """On the command line as in a run: the same files would do it to other tables."""
    database.query("CREATE SCHEMA other; CREATE TABLE other.users (id int)")
    spec = make_spec(two)
    elsewhere = replace(spec, database=Access(search_path=("other",)))
    plan = plan_of(show(database, elsewhere))
    assert plan.digest != plan_of(show(database, spec)).digest
    shown = plan_on_command_line(database, two, "--search-path", "other")
    assert plan.digest in shown
    assert "ACCESS EXCLUSIVE on other.users" in shown


def test_a_plan_is_refused_for_what_a_run_is_refused_for(database: Database, two: Project) -> None:
    """Also at a later attempt, at which a run could still have something to finish; untold."""
    attempt(database, make_spec(two, target="1"))
    log = database.log
    two.migration("3", "BEGIN; SELECT 1;")
    spec = make_spec(two)
    assert show(database, spec).reason == Reason.TRANSACTION_CONTROL
    assert database.log == log
    two.write("migrations/no-version.sql", "SELECT 1")
    identity = RunIdentity(id=uuid4(), attempt=2, intent="plan")
    assert attempt(database, replace(spec, run=identity)).outcome is Outcome.REFUSED


def test_without_an_approval_nothing_runs(database: Database, two: Project) -> None:
    """The digest that has to be approved is that of the plan; the database is untouched."""
    before = database.dump()
    done = attempt(database, make_spec(two, policy=REQUIRED)).result
    assert (done.outcome, done.reason) == (Outcome.AWAITING_APPROVAL, Reason.AWAITING_APPROVAL)
    assert plan_of(done) == plan_of(show(database, make_spec(two, policy=REQUIRED)))
    assert plan_of(done).digest in done.message
    assert database.dump() == before


def test_the_approved_plan_runs_and_is_stored(database: Database, two: Project) -> None:
    """The ledger keeps the digest beside the run, for whoever asks later what was approved."""
    spec = approve(database, two)
    assert attempt(database, spec).outcome is Outcome.SUCCEEDED
    assert database.scalar("SELECT plan_digest FROM meshmigrate.run") == spec.approved_plan


def test_nothing_to_do_is_nothing_to_approve(database: Database, two: Project) -> None:
    """With or without an approval, also one of an earlier plan."""
    spec = approve(database, two)
    attempt(database, spec)
    again = replace(spec, run=RunIdentity(id=uuid4()))
    assert attempt(database, again).outcome is Outcome.UP_TO_DATE
    assert attempt(database, replace(again, approved_plan="")).outcome is Outcome.UP_TO_DATE
    assert plan_of(show(database, again)).empty


def test_other_files_need_another_approval(database: Database, two: Project) -> None:
    """The message names both plans."""
    spec = approve(database, two)
    two.migration("2", "ALTER TABLE users ADD COLUMN email text")
    done = attempt(database, spec).result
    assert (done.outcome, done.reason) == (Outcome.AWAITING_APPROVAL, Reason.PLAN_CHANGED)
    assert spec.approved_plan in done.message
    assert plan_of(done).digest in done.message
    assert not database.has_ledger


def test_what_others_did_meanwhile_needs_another_approval(database: Database, two: Project) -> None:
    """A part of the plan is already there: another plan."""
    spec = approve(database, two)
    attempt(database, make_spec(two, target="1"))
    done = attempt(database, spec).result
    assert (done.outcome, done.reason) == (Outcome.AWAITING_APPROVAL, Reason.PLAN_CHANGED)
    assert database.versions == ["1"]


def test_the_plan_is_compared_again_under_the_lock(database: Database, two: Project) -> None:
    """What changed between the look and the lock is seen; the lock and the lease are given back."""
    attempt(database, make_spec(two, target="1"))
    two.migration("3", "CREATE TABLE c (x int)")
    spec = approve(database, two)

    def interfere(event: Event) -> None:
        if event.name is EventName.LOCKED:
            database.query(APPLY_BY_HAND.replace("checksum,", f"'{checksum}',", 1))

    checksum = read_source(two.folders).migrations[1].script.checksum
    done = attempt(database, spec, during=interfere).result
    assert (done.outcome, done.reason) == (Outcome.AWAITING_APPROVAL, Reason.PLAN_CHANGED)
    assert plan_of(done).count == 1
    assert database.scalar("SELECT count(*) FROM meshmigrate.run") == 1
    assert database.scalar("SELECT holder IS NULL FROM meshmigrate.lease")


def test_an_approved_run_goes_on_without_asking_again(database: Database, two: Project) -> None:
    """What is left after a lost attempt is another plan, but still what was approved."""
    spec = approve(database, two)

    def lose(event: Event) -> None:
        if event.name is EventName.APPLYING and event.version == "2":
            raise RuntimeError("the process is gone")

    with pytest.raises(RuntimeError, match="the process is gone"):
        attempt(database, spec, during=lose)
    assert database.versions == ["1"]
    other = replace(spec, run=RunIdentity(id=uuid4(), intent="plan"))
    assert plan_of(attempt(database, other).result).digest != spec.approved_plan
    second = replace(spec, run=replace(spec.run, attempt=2))
    assert attempt(database, second).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]


def test_a_way_back_is_planned_and_approved_too(database: Database, project: Project) -> None:
    """Versions in the order in which they go, with the locks of their rollback scripts."""
    database.query("CREATE TABLE users (id int, name text)")
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    dropped = f"{ALLOW}ALTER TABLE users DROP COLUMN name"
    project.migration("3", dropped, "ALTER TABLE users ADD COLUMN name text")
    attempt(database, make_spec(project))
    spec = make_spec(project, policy=REQUIRED, target="1", allow_rollback=True)
    done = attempt(database, spec).result
    assert done.outcome is Outcome.AWAITING_APPROVAL
    plan = plan_of(done)
    assert (plan.direction, plan.count, plan.target) == ("RollBack", 2, "1")
    assert [each.version for each in plan.versions] == ["3", "2"]
    assert plan.strongest_lock == "ACCESS EXCLUSIVE"
    assert "users.name" in plan.data_not_restored[0]
    assert "not all data comes back" in done.message
    shown = plan_on_command_line(database, project, "--target", "1", "--allow-rollback")
    assert plan.digest in shown
    assert "users.name" in shown
    assert shown.index("taken back") < shown.index("ACCESS EXCLUSIVE")
    approved = replace(spec, run=RunIdentity(id=uuid4()), approved_plan=plan.digest)
    assert attempt(database, approved).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1"]
    latest = "SELECT plan_digest FROM meshmigrate.run ORDER BY started_at DESC LIMIT 1"
    assert database.scalar(latest) == plan.digest


def test_apply_takes_the_digest_that_plan_showed(database: Database, two: Project) -> None:
    """Exit code 12 where it is another one; the same command with the right one applies."""
    spec = approve(database, two)

    def apply(digest: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command("apply", "--approved-plan", digest),
            cwd=two.root,
            env=environment(MESHMIGRATE_DATABASE_URL=database.url),
            capture_output=True,
            check=False,
            text=True,
        )

    refused = apply("sha256:0")
    assert refused.returncode == 12
    assert spec.approved_plan in refused.stdout + refused.stderr
    assert not database.has_ledger
    assert apply(spec.approved_plan).returncode == 0
