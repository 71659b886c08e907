"""``meshmigrate rollback --to``: an earlier version on purpose, proven where somebody looked."""

import json
import shutil
import subprocess

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.rollback import roll_back
from tests.postgres.harness import Attempt, Database, Project, attempt, make_spec
from tests.postgres.processes import command, environment


def apply(database: Database, project: Project, target: str = "latest") -> None:
    """Apply up to a version, by a run of its own."""
    assert attempt(database, make_spec(project, target=target)).outcome is Outcome.SUCCEEDED


def back(database: Database, project: Project, to: str) -> Attempt:
    """Go back to a version in this process."""
    return attempt(database, make_spec(project, target=to), start=roll_back)


@pytest.fixture
def three(project: Project) -> Project:
    """Three versions that can all be taken back."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    project.migration("3", "CREATE INDEX CONCURRENTLY i ON b (x)", "DROP INDEX CONCURRENTLY i")
    return project


def test_the_schema_is_what_it_was_at_that_version_and_that_is_proven(
    database: Database, three: Project
) -> None:
    """A version at which a run ended was looked at: its fingerprint is the proof."""
    apply(database, three, "1")
    before = database.dump()
    apply(database, three)
    done = back(database, three, "1").result
    assert (done.outcome, done.reason) == (Outcome.SUCCEEDED, Reason.SUCCEEDED)
    assert "as it was when the database last was at version 1" in done.message
    assert database.dump() == before
    assert database.versions == ["1"]
    assert (done.rolled_back.first, done.rolled_back.last, done.current_version) == ("3", "2", "1")
    assert database.query(
        "SELECT intent, outcome FROM meshmigrate.run ORDER BY started_at DESC LIMIT 1"
    ) == [("undo", "Succeeded")]


def test_no_files_are_needed(database: Database, three: Project) -> None:
    """The ledger kept the scripts; the source may be gone."""
    apply(database, three)
    shutil.rmtree(three.root / "migrations")
    shutil.rmtree(three.root / "rollbacks")
    assert back(database, three, "0").result.reason == Reason.SUCCEEDED
    assert database.versions == []
    assert not database.scalar("SELECT to_regclass('a') IS NOT NULL")


def test_a_version_passed_in_the_middle_of_a_run_is_unproven_and_says_so(
    database: Database, three: Project
) -> None:
    """Nobody recorded the schema there."""
    apply(database, three)
    done = back(database, three, "2").result
    assert (done.outcome, done.reason) == (Outcome.SUCCEEDED, Reason.UNPROVEN)
    assert "no run began or ended at version 2" in done.message
    assert database.versions == ["1", "2"]


def test_a_rollback_script_that_lies_is_found_out(database: Database, project: Project) -> None:
    """Every script ran, but the schema is another: the difference is named."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    apply(database, project)
    project.migration("2", "ALTER TABLE a ADD y int, ADD z int", "ALTER TABLE a DROP y")
    apply(database, project)
    done = back(database, project, "1").result
    assert (done.outcome, done.reason) == (
        Outcome.ROLLBACK_FAILED,
        Reason.FINGERPRINT_MISMATCH,
    )
    assert any("public.a.z" in line for line in done.differences)
    assert database.versions == ["1"]


def test_a_version_applied_again_in_other_words_is_not_proven_by_its_former_self(
    database: Database, project: Project
) -> None:
    """What the schema was with another file of that number proves nothing."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    apply(database, project)
    assert back(database, project, "0").outcome is Outcome.SUCCEEDED
    project.migration("1", "CREATE TABLE a (x int, y int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    apply(database, project)
    assert back(database, project, "1").result.reason == Reason.UNPROVEN


def test_changes_made_by_hand_before_the_version_was_left_belong_to_it(
    database: Database, project: Project
) -> None:
    """Last current means last: the schema as the next run found it."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    apply(database, project)
    database.query("CREATE TABLE by_hand (x int)")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    apply(database, project)
    assert back(database, project, "1").result.reason == Reason.SUCCEEDED


def test_again_there_is_nothing_to_do(database: Database, three: Project) -> None:
    """A second call leaves no trace, not even in the log."""
    apply(database, three)
    back(database, three, "0")
    rows = database.log
    assert back(database, three, "0").outcome is Outcome.UP_TO_DATE
    assert database.log == rows


@pytest.mark.parametrize(
    ("to", "reason", "named"),
    [("7", Reason.UNKNOWN_TARGET, "version 7"), ("0", Reason.NO_ROLLBACK_SCRIPT, "for 2")],
)
def test_what_cannot_be_reached_is_refused_before_anything_is_taken_back(
    database: Database, project: Project, to: str, reason: Reason, named: str
) -> None:
    """An unknown version, and one behind a version without a rollback script."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)")
    project.migration("3", "CREATE TABLE c (x int)", "DROP TABLE c")
    apply(database, project)
    before = database.dump()
    done = back(database, project, to).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)
    assert named in done.message
    assert database.dump() == before
    assert database.versions == ["1", "2", "3"]


def test_without_a_ledger_it_is_refused_and_none_is_made(
    database: Database, project: Project
) -> None:
    """Most of the time it is the wrong database."""
    assert back(database, project, "0").result.reason == Reason.NOT_APPLIED
    assert not database.has_ledger


def test_a_script_that_fails_half_way_says_where_the_database_stands(
    database: Database, three: Project
) -> None:
    """What was taken back stays so; the failing script's own transaction is undone."""
    apply(database, three)
    database.query("CREATE VIEW v AS SELECT * FROM b")
    done = back(database, three, "0").result
    assert done.outcome is Outcome.ROLLBACK_FAILED
    assert "version 2" in done.message
    assert "taken back before that: 3" in done.message
    assert database.versions == ["1", "2"]
    database.query("DROP VIEW v")
    assert back(database, three, "0").outcome is Outcome.SUCCEEDED


def test_a_script_that_fails_first_leaves_everything_as_it_was(
    database: Database, project: Project
) -> None:
    """Nothing was taken back, so nothing pages."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    apply(database, project)
    database.query("CREATE VIEW v AS SELECT * FROM a")
    done = back(database, project, "0").result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.STATEMENT_FAILED)
    assert "nothing was taken back" in done.message
    assert database.versions == ["1"]


class PulledPlugError(Exception):
    """Ends an attempt without a chance to clean up."""


def cut_off(database: Database, project: Project, to: str) -> None:
    """Go back, and die after the first version."""

    def die(event: Event) -> None:
        if event.name is EventName.ROLLED_BACK:
            raise PulledPlugError

    with pytest.raises(PulledPlugError):
        attempt(database, make_spec(project, target=to), start=roll_back, during=die)


def test_cut_off_on_the_way_it_is_finished_by_the_next(database: Database, three: Project) -> None:
    """Whoever comes next, apply included, brings the way back to its end first."""
    apply(database, three, "1")
    apply(database, three)
    cut_off(database, three, "1")
    assert database.versions == ["1", "2"]
    assert back(database, three, "1").outcome is Outcome.UP_TO_DATE
    assert database.versions == ["1"]
    assert database.query("SELECT count(*) FROM meshmigrate.run WHERE finished_at IS NULL") == [
        (0,)
    ]


def test_apply_after_a_way_back_that_was_cut_off_starts_from_its_end(
    database: Database, three: Project
) -> None:
    """It arrives, and goes forward again from there."""
    apply(database, three)
    cut_off(database, three, "1")
    done = attempt(database, make_spec(three)).result
    assert (done.outcome, done.applied.count) == (Outcome.SUCCEEDED, 2)
    assert database.versions == ["1", "2", "3"]


def test_the_command_says_what_it_did(database: Database, three: Project) -> None:
    """Exit code 0, and the result as JSON."""
    apply(database, three)
    done = subprocess.run(
        command("rollback", "--to", "0", "--json"),
        cwd=three.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert (answer["outcome"], answer["rolledBack"]["count"]) == ("Succeeded", 3)


def test_apply_goes_back_where_the_spec_allows_it(database: Database, three: Project) -> None:
    """A target below the current version, as in a resource with allowRollback."""
    apply(database, three)
    spec = make_spec(three, target="1")
    refused = attempt(database, spec).result
    assert refused.reason == Reason.TARGET_BELOW_CURRENT
    spec = make_spec(three, target="1", allow_rollback=True)
    done = attempt(database, spec).result
    assert (done.outcome, done.current_version) == (Outcome.SUCCEEDED, "1")
    assert database.versions == ["1"]
