"""Cancelling a run whose runner was killed in the middle of a file, and stopping that too."""

import shutil
from collections.abc import Callable

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.events import EventName
from tests.postgres.cutting import cancel, cut_off, undoing
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.test_signals import AT_SPEED, is_asleep, make_speed
from tests.postgres.test_step_crashes import kill_after_the_build, kill_while_waiting, writer
from tests.postgres.test_steps import indexes, journal
from tests.postgres.test_unknown_steps import kill, stuck

StartRunner = Callable[[RunSpec], Runner]

TABLE = "CREATE TABLE t (x int)"
UP = "CREATE TABLE marks (x int); CREATE INDEX CONCURRENTLY i ON t (x); SELECT 1"
DOWN = "DROP INDEX CONCURRENTLY IF EXISTS i; DROP TABLE marks"


def lose_the_source(project: Project) -> None:
    """Leave not a single file."""
    for folder in ("migrations", "rollbacks"):
        shutil.rmtree(project.root / folder)


def test_a_step_that_was_under_way_is_settled_and_its_file_taken_back(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """With the ledger's copy of the rollback script: the source is gone."""
    database.query(TABLE)
    before = database.dump()
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a").migration("2", UP, DOWN)
    spec = make_spec(project)
    with writer(database):
        kill_while_waiting(database, start_runner(spec), "CONCURRENTLY")
    assert indexes(database) == {"i": False}
    assert ("StepsBegun", "2") in database.log
    undo = undoing(project, spec.run.id)
    lose_the_source(project)
    done = attempt(database, undo).result
    assert (done.outcome, done.reason) == (Outcome.CANCELLED, Reason.CANCELLED)
    database.query("DELETE FROM t")  # what the writer has written
    assert database.dump() == before
    assert (journal(database), database.versions) == ([], [])
    assert ("StepsRolledBack", "2") in database.log


def test_a_step_that_was_done_is_taken_back_too(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """The index was built, and nobody had written it down."""
    database.query(TABLE)
    before = database.dump()
    project.migration("1", UP, DOWN)
    spec = make_spec(project)
    kill_after_the_build(database, start_runner(spec))
    assert indexes(database) == {"i": True}
    assert cancel(database, project, spec).outcome is Outcome.CANCELLED
    assert database.dump() == before
    assert journal(database) == []


def test_a_part_of_a_file_without_a_rollback_script_stays(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Halted, with the statements that stand."""
    database.query(TABLE)
    project.migration("1", UP)
    spec = make_spec(project)
    kill_after_the_build(database, start_runner(spec))
    done = cancel(database, project, spec)
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.NO_ROLLBACK_SCRIPT)
    assert "still applied: of version 1 statement 1, statement 2 (public.i)" in done.message


def test_a_step_that_a_person_has_to_decide_about_halts_it(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """StepUnknown, with the commands that decide."""
    with stuck(database, project, start_runner) as (spec, runner):
        kill(database, runner)
    done = cancel(database, project, spec)
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.STEP_UNKNOWN)
    assert "cancelled by ci, but not taken back, as a person has to look" in done.message
    assert done.failure is not None
    assert "meshmigrate repair --step done" in done.failure.hint


def test_a_stop_in_the_middle_of_cancelling_is_finished_by_the_next_attempt(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """SIGTERM: Interrupted, and then Cancelled, whatever the intent of that attempt is."""
    make_speed(database, 60)
    project.migration("1", "CREATE TABLE a (x int)", f"{AT_SPEED}; DROP TABLE a")
    project.migration("2", "SELECT 1")
    spec = cut_off(database, project, EventName.APPLIED, "1")
    runner = start_runner(undoing(project, spec.run.id))
    eventually(lambda: is_asleep(database), "is in the rollback script")
    runner.terminate()
    assert runner.wait() == 30
    assert "stopped on its way back" in runner.result.message
    assert database.versions == ["1"]
    make_speed(database, 0)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=3)).result
    assert done.outcome is Outcome.CANCELLED
    assert database.versions == []


def test_a_stop_on_the_way_forward_is_followed_by_a_cancellation(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """As the operator does it: the Job is stopped, and an attempt to undo comes after it."""
    make_speed(database, 60)
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", AT_SPEED, "SELECT 1").migration("3", "SELECT 1")
    before = database.dump()
    runner = start_runner(spec := make_spec(project))
    eventually(lambda: is_asleep(database), "is in version 2")
    runner.terminate()
    assert runner.wait() == 30
    undo = start_runner(undoing(project, spec.run.id))
    assert undo.wait() == 24
    assert undo.result.outcome is Outcome.CANCELLED
    assert "cancelling" in {line["event"] for line in undo.lines}
    assert database.dump() == before
