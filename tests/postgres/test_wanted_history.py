"""What a spec says about the history: done under the lock before anything is planned, once."""

import pytest
from msgspec.structs import replace

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Result
from meshmigrate.domain.runspec import Accepted, Ledger, Policy, RunIdentity, RunSpec
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.rollback import roll_back
from meshmigrate.source.folder import read_source
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.supabase import FIRST, add, migrated_by_supabase

FAILS_IF_RUN = "SELECT 1/0"


def accepted(project: Project, version: str) -> Accepted:
    """Accept the file of a version as it is now."""
    files = {str(each.version): each for each in read_source(project.folders).migrations}
    checksum = files[version].script.checksum
    return Accepted(version=version, checksum=checksum, reason="a comment only")


def make(
    project: Project, ledger: Ledger, policy: Policy | None = None, target: str = "latest"
) -> RunSpec:
    """Make the spec of a new run."""
    return replace(make_spec(project, policy=policy, target=target), ledger=ledger)


def migrate(
    database: Database, project: Project, ledger: Ledger, *, target: str = "latest"
) -> Result:
    """Run a new run."""
    return attempt(database, make(project, ledger, target=target)).result


def messages(database: Database, event: str) -> list[str]:
    """Give what the log says of an event."""
    rows = database.query("SELECT message FROM meshmigrate.log WHERE event = %s", event)
    return [row[0] for row in rows]


def test_a_baseline_is_declared_and_the_rest_is_applied(
    database: Database, project: Project
) -> None:
    """In one run; the next one finds it done and leaves no trace."""
    project.migration("1", FAILS_IF_RUN).migration("2", FAILS_IF_RUN)
    project.migration("3", "CREATE TABLE c (x int)")
    done = migrate(database, project, Ledger(baseline="2"))
    assert (done.outcome, done.applied.count, done.applied.last) == (Outcome.SUCCEEDED, 1, "3")
    assert database.query("SELECT version, how FROM meshmigrate.applied ORDER BY ordinal") == [
        ("1", "baseline"),
        ("2", "baseline"),
        ("3", "applied"),
    ]
    assert database.scalar("SELECT min(actor) FROM meshmigrate.run") == "ci"
    log = database.log
    assert [row for row in log if row[0] == "Baselined"] == [("Baselined", "1"), ("Baselined", "2")]
    assert migrate(database, project, Ledger(baseline="2")).outcome is Outcome.UP_TO_DATE
    assert database.log == log


def test_a_baseline_alone_is_a_run(database: Database, project: Project) -> None:
    """It succeeds and says what it declared."""
    project.migration("1", FAILS_IF_RUN)
    done = migrate(database, project, Ledger(baseline="1"))
    assert (done.outcome, done.current_version) == (Outcome.SUCCEEDED, "1")
    assert done.message == "declared 1 version present without running, up to 1"
    assert database.scalar("SELECT count(*) FROM meshmigrate.run") == 1


def test_a_failure_does_not_take_the_baseline_back(database: Database, project: Project) -> None:
    """What the database had before the run it has after it."""
    project.migration("1", FAILS_IF_RUN).migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    project.migration("3", FAILS_IF_RUN)
    done = migrate(database, project, Ledger(baseline="1"))
    assert done.outcome is Outcome.ROLLED_BACK
    assert database.versions == ["1"]


def test_a_baseline_that_was_taken_back_is_not_declared_again(
    database: Database, project: Project
) -> None:
    """The schema is not there any more: now the files are applied."""
    database.query("CREATE TABLE a (x int)")
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    migrate(database, project, Ledger(baseline="1"))
    back = make_spec(project, target="0")
    assert attempt(database, back, start=roll_back).outcome is Outcome.SUCCEEDED
    assert migrate(database, project, Ledger(baseline="1")).applied.count == 1


@pytest.mark.parametrize(
    ("ledger", "target", "reason"),
    [
        (Ledger(baseline="2"), "latest", Reason.HISTORY_NOT_EMPTY),
        (Ledger(baseline="7"), "latest", Reason.UNKNOWN_TARGET),
        (Ledger(baseline="x"), "latest", Reason.UNKNOWN_TARGET),
        (Ledger(baseline="2"), "1", Reason.TARGET_BELOW_CURRENT),
        (Ledger(adopt="Supabase"), "latest", Reason.NOTHING_TO_ADOPT),
    ],
)
def test_what_the_commands_refuse_is_refused(
    database: Database, project: Project, ledger: Ledger, target: str, reason: Reason
) -> None:
    """In the same words; the history stays as it is."""
    project.migration("1", "CREATE TABLE a (x int)")
    attempt(database, make_spec(project))
    project.migration("2", "CREATE TABLE b (x int)")
    done = migrate(database, project, ledger, target=target)
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)
    assert database.versions == ["1"]


def test_an_edited_file_is_accepted_with_reason_and_actor(
    database: Database, project: Project
) -> None:
    """Once: the next run is quiet; and only as it was accepted."""
    project.migration("1", "CREATE TABLE a (x int)")
    attempt(database, make_spec(project))
    project.migration("1", "CREATE TABLE a (x int) -- edited").migration("2", "SELECT 1")
    ledger = Ledger(accept=(accepted(project, "1"),))
    assert migrate(database, project, Ledger()).reason == Reason.CHECKSUM_MISMATCH
    done = migrate(database, project, ledger)
    assert (done.outcome, done.applied.last) == (Outcome.SUCCEEDED, "2")
    (said,) = messages(database, "ChecksumAccepted")
    assert said.endswith("accepted by ci: a comment only")
    assert migrate(database, project, ledger).outcome is Outcome.UP_TO_DATE
    project.migration("1", "CREATE TABLE a (x int) -- edited again")
    refused = migrate(database, project, ledger)
    assert refused.reason == Reason.CHECKSUM_MISMATCH
    assert "ledger.accept names sha256:" in refused.message


def test_on_an_empty_database_an_acceptance_asks_for_nothing(
    database: Database, project: Project
) -> None:
    """The file is still to be applied, as it is now."""
    project.migration("1", "CREATE TABLE a (x int) -- edited")
    done = migrate(database, project, Ledger(accept=(accepted(project, "1"),)))
    assert (done.outcome, done.applied.count) == (Outcome.SUCCEEDED, 1)


def test_a_history_of_supabase_is_adopted_and_gone_on_from(
    database: Database, project: Project
) -> None:
    """An edited file needs its acceptance, with a reason; what is taken back stays so."""
    migrated_by_supabase(database, project)
    first = "20260101000001"
    project.migration(first, FIRST.replace("INTO events", "INTO public.events"))
    adopting = Ledger(adopt="Supabase")
    assert migrate(database, project, adopting).reason == Reason.CHECKSUM_MISMATCH
    assert not database.has_ledger
    with_reason = replace(adopting, accept=(accepted(project, first),))
    done = migrate(database, project, with_reason)
    assert (done.outcome, done.applied.count) == (Outcome.SUCCEEDED, 1)
    assert messages(database, "Adopted")[0].endswith("accepted by ci: a comment only")
    assert migrate(database, project, with_reason).outcome is Outcome.UP_TO_DATE
    add(database, "20260101000004", ["CREATE TABLE fourth (x int)"])
    database.query("CREATE TABLE fourth (x int)")
    project.migration("20260101000004", "CREATE TABLE fourth (x int)", "DROP TABLE fourth")
    assert migrate(database, project, with_reason).outcome is Outcome.SUCCEEDED
    back = make_spec(project, target="20260101000003")
    assert attempt(database, back, start=roll_back).outcome is Outcome.SUCCEEDED
    assert migrate(database, project, with_reason).applied.last == "20260101000004"


def test_a_run_that_is_lost_after_it_declared_goes_on(database: Database, project: Project) -> None:
    """What is declared is not declared again, and the approved plan is still that plan."""
    project.migration("1", FAILS_IF_RUN).migration("2", "CREATE TABLE b (x int)")
    policy = Policy(approval="Required")
    waiting = attempt(database, make(project, Ledger(baseline="1"), policy)).result
    assert waiting.plan is not None
    spec = make(project, Ledger(baseline="1"), policy)
    spec = replace(spec, approved_plan=waiting.plan.digest)

    def lose(event: Event) -> None:
        if event.name is EventName.FINISHED:
            raise RuntimeError("the process is gone")

    with pytest.raises(RuntimeError, match="the process is gone"):
        attempt(database, spec, during=lose)
    assert database.versions == ["1"]
    second = attempt(database, replace(spec, run=replace(spec.run, attempt=2))).result
    assert (second.outcome, second.applied.count) == (Outcome.SUCCEEDED, 1)
    assert [event for event, _ in database.log].count("Baselined") == 1


def test_what_is_declared_is_part_of_the_plan_that_is_approved(
    database: Database, project: Project
) -> None:
    """Said in the plan, and nothing of it is written before the approval."""
    project.migration("1", FAILS_IF_RUN).migration("2", "CREATE TABLE b (x int)")
    spec = make(project, Ledger(baseline="1"), Policy(approval="Required"))
    waiting = attempt(database, spec).result
    assert waiting.outcome is Outcome.AWAITING_APPROVAL
    assert waiting.plan is not None
    assert waiting.plan.declares == "declared 1 version present without running, up to 1"
    assert (waiting.plan.count, waiting.plan.target) == (1, "2")
    assert not database.has_ledger
    approved = replace(spec, run=RunIdentity(id=make_spec(project).run.id))
    done = attempt(database, replace(approved, approved_plan=waiting.plan.digest)).result
    assert (done.outcome, done.applied.count) == (Outcome.SUCCEEDED, 1)
