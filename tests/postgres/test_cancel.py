"""Cancelling: an attempt with the intent to undo takes its run back wherever it stands."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import Event, EventName
from tests.postgres.cutting import PER_FILE, PulledPlugError, cancel, cut_off, undoing
from tests.postgres.harness import ALLOW, Database, Project, attempt, make_spec

USERS = "CREATE TABLE users (id int PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ann')"


def three(project: Project) -> Project:
    """Write three versions that can all be taken back."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    return project.migration("3", "CREATE TABLE c (x int)", "DROP TABLE c")


def test_what_a_run_has_applied_is_taken_back_and_that_is_proven(
    database: Database, project: Project
) -> None:
    """Exit code 24; schema, data and history are as they were before the run."""
    database.query(USERS)
    before = database.dump()
    spec = cut_off(database, three(project), EventName.APPLIED, "2")
    assert database.versions == ["1", "2"]
    done = cancel(database, project, spec)
    assert (done.outcome, done.reason) == (Outcome.CANCELLED, Reason.CANCELLED)
    assert done.outcome.exit_code == 24
    assert done.message == (
        "cancelled by ci; the schema is as it was before the run; "
        "this run is not executed any more: a new run applies the files"
    )
    assert (done.rolled_back.count, done.rolled_back.first, done.rolled_back.last) == (2, "2", "1")
    assert done.failure is None
    assert database.dump() == before
    assert database.versions == []
    assert ("Cancelling", None) in database.log


def test_a_run_that_was_cancelled_is_never_executed_again(
    database: Database, project: Project
) -> None:
    """An attempt that comes late gets the stored result; a new run applies the files."""
    spec = cut_off(database, three(project), EventName.APPLIED, "2")
    cancelled = attempt(database, undoing(project, spec.run.id))
    late = attempt(database, make_spec(project, run_id=spec.run.id, attempt=3))
    assert late.encoded == cancelled.encoded
    assert database.versions == []
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize("ledger", [False, True])
def test_a_run_that_nobody_has_begun_is_recorded_as_cancelled(
    database: Database, project: Project, *, ledger: bool
) -> None:
    """Whichever runner wakes up later finds that out, and changes nothing."""
    three(project)
    if ledger:
        assert attempt(database, make_spec(project, target="1")).outcome is Outcome.SUCCEEDED
    before, versions = database.dump(), database.versions if ledger else []
    spec = make_spec(project)
    done = cancel(database, project, spec)
    assert (done.outcome, done.reason) == (Outcome.CANCELLED, Reason.CANCELLED)
    assert done.message.startswith("cancelled by ci before it began: nothing had been applied")
    assert attempt(database, spec).outcome is Outcome.CANCELLED
    assert (database.dump(), database.versions) == (before, versions)


def test_the_record_of_such_a_run_proves_nothing_and_hides_no_drift(
    database: Database, project: Project
) -> None:
    """It looked at nothing: what others knew of the schema holds."""
    three(project)
    assert attempt(database, make_spec(project, target="1")).outcome is Outcome.SUCCEEDED
    database.query("CREATE TABLE by_hand (x int)")
    assert cancel(database, project, make_spec(project)).outcome is Outcome.CANCELLED
    done = attempt(database, make_spec(project))
    assert "by_hand" in done.messages(EventName.DRIFT)[0]


def test_a_finished_run_keeps_its_result(database: Database, project: Project) -> None:
    """It is too late: what to do about it is another run's."""
    spec = make_spec(three(project))
    finished = attempt(database, spec)
    assert attempt(database, undoing(project, spec.run.id)).encoded == finished.encoded
    assert database.versions == ["1", "2", "3"]


def test_a_run_on_its_way_back_ends_with_the_failure_that_began_it(
    database: Database, project: Project
) -> None:
    """RolledBack: there is nothing left to cancel."""
    three(project).migration("4", "SELECT 1 / 0")
    spec = cut_off(database, project, EventName.ROLLED_BACK, "3")
    done = cancel(database, project, spec)
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.STATEMENT_FAILED)
    assert "division by zero" in done.message
    assert database.versions == []


def test_a_run_that_has_committed_nothing_is_just_closed(
    database: Database, project: Project
) -> None:
    """The server has rolled its file back."""
    spec = cut_off(database, three(project), EventName.APPLYING, "1")
    before = database.dump()
    done = cancel(database, project, spec)
    assert (done.outcome, done.reason) == (Outcome.CANCELLED, Reason.CANCELLED)
    assert "cancelled by ci: nothing had been applied, the database is as it was" in done.message
    assert database.dump() == before


def test_what_others_changed_meanwhile_is_listed_and_is_not_its_doing(
    database: Database, project: Project
) -> None:
    """Both where nothing was applied and where all of it was taken back."""
    first = cut_off(database, three(project), EventName.APPLYING, "1")
    database.query("CREATE TABLE by_hand (x int)")
    done = cancel(database, project, first)
    assert (done.outcome, done.reason) == (Outcome.CANCELLED, Reason.CONCURRENT_CHANGE)
    assert "public.by_hand" in "\n".join(done.differences)
    second = cut_off(database, project, EventName.APPLIED, "2")
    database.query("DROP TABLE by_hand")
    done = cancel(database, project, second)
    assert (done.outcome, done.reason) == (Outcome.CANCELLED, Reason.CONCURRENT_CHANGE)
    assert "public.by_hand" in done.message


@pytest.mark.parametrize(
    ("down", "reason", "why"),
    [
        (None, Reason.NO_ROLLBACK_SCRIPT, "as there is no rollback script for 1"),
        (
            "-- meshmigrate: irreversible the archive is gone\nDROP TABLE a",
            Reason.IRREVERSIBLE,
            "version 1 is irreversible: the archive is gone",
        ),
    ],
)
def test_without_a_way_back_it_halts_where_it_stands(
    database: Database, project: Project, down: str | None, reason: Reason, why: str
) -> None:
    """All or nothing: no other version is taken back either."""
    project.migration("1", "CREATE TABLE a (x int)", down)
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    project.migration("3", "CREATE TABLE c (x int)", "DROP TABLE c")
    spec = cut_off(database, project, EventName.APPLIED, "2")
    done = cancel(database, project, spec)
    assert (done.outcome, done.reason) == (Outcome.HALTED, reason)
    assert "cancelled by ci, but not taken back, " in done.message
    assert why in done.message
    assert "still applied: 1, 2" in done.message
    assert done.failure is not None
    assert "a new run goes on from there" in done.failure.hint
    assert database.versions == ["1", "2"]


def test_a_script_that_lies_is_found_out(database: Database, project: Project) -> None:
    """RollbackFailed, with the object."""
    project.migration("1", "CREATE TABLE a (x int); CREATE TABLE b (x int)", "DROP TABLE a")
    project.migration("2", "SELECT 1")
    done = cancel(database, project, cut_off(database, project, EventName.APPLIED, "1"))
    assert (done.outcome, done.reason) == (Outcome.ROLLBACK_FAILED, Reason.FINGERPRINT_MISMATCH)
    assert "cancelled by ci; every rollback script ran, but" in done.message
    assert "public.b" in done.message


def test_a_script_that_fails_names_itself(database: Database, project: Project) -> None:
    """What stands is said, as after a failure."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE nosuch").migration("2", "SELECT 1")
    done = cancel(database, project, cut_off(database, project, EventName.APPLIED, "1"))
    assert (done.outcome, done.reason) == (Outcome.ROLLBACK_FAILED, Reason.ROLLBACK_SCRIPT_FAILED)
    assert "cancelled by ci, and then the rollback script of version 1 failed: " in done.message
    assert database.versions == ["1"]


def test_data_that_is_gone_is_named(database: Database, project: Project) -> None:
    """The schema is proven, and the reason says that this is not all."""
    database.query(USERS)
    dropped = f"{ALLOW}ALTER TABLE users DROP name"
    project.migration("1", dropped, "ALTER TABLE users ADD name text")
    project.migration("2", "SELECT 1")
    done = cancel(database, project, cut_off(database, project, EventName.APPLIED, "1"))
    assert (done.outcome, done.reason) == (Outcome.CANCELLED, Reason.DATA_NOT_RESTORED)
    assert done.failure is not None
    assert done.failure.data_not_restored == ("version 1: column users.name, dropped",)
    assert "but not the data: version 1: column users.name, dropped" in done.message


@pytest.mark.parametrize("finisher", ["the same run", "another run"])
def test_cut_off_itself_it_is_finished_by_the_next(
    database: Database, project: Project, finisher: str
) -> None:
    """Whoever comes: the run was cancelled, and that is how it ends."""
    spec = cut_off(database, three(project), EventName.APPLIED, "2")

    def die(event: Event) -> None:
        if event.name is EventName.ROLLED_BACK:
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        attempt(database, undoing(project, spec.run.id), during=die)
    assert database.versions == ["1"]
    same = finisher == "the same run"
    run_id = spec.run.id if same else None
    done = attempt(database, make_spec(project, run_id=run_id, attempt=3, policy=PER_FILE)).result
    assert done.outcome is (Outcome.CANCELLED if same else Outcome.SUCCEEDED)
    rows = database.query("SELECT outcome FROM meshmigrate.run WHERE id = %s", spec.run.id)
    assert rows == [("Cancelled",)]
