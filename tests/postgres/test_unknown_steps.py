"""A runner ends in a statement of which nothing tells what it did: somebody decides first."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner, run_command
from tests.postgres.test_no_transaction import DIRECTIVE, PROCEDURE, Decision, decide, marks
from tests.postgres.test_step_crashes import is_gone
from tests.postgres.test_steps import apply, journal

StartRunner = Callable[[RunSpec], Runner]

AROUND = "INSERT INTO marks VALUES ({});\n"
FILE = DIRECTIVE + AROUND.format(0) + "CALL p(0);\n" + AROUND.format(9)
WAIT = "IF i = 2 THEN PERFORM 1 FROM turns FOR UPDATE; END IF;\n        INSERT"
TABLES = "CREATE TABLE marks (x int); CREATE TABLE turns (x int); INSERT INTO turns VALUES (1);"


@contextmanager
def stuck(
    database: Database, project: Project, start_runner: StartRunner, text: str = FILE
) -> Iterator[tuple[RunSpec, Runner]]:
    """Have a run whose procedure waits after its first commit, until the block ends."""
    database.query(TABLES + PROCEDURE.replace("INSERT", WAIT))
    project.migration("1", text)
    spec = make_spec(project)
    with database.connect() as other:
        other.execute("BEGIN; SELECT 1 FROM turns FOR UPDATE")
        runner = start_runner(spec)
        eventually(database.waits_for_row, f"is in the second turn; {runner.output}")
        yield spec, runner


def kill(database: Database, runner: Runner) -> None:
    """Kill a runner and see its session end."""
    runner.kill()
    eventually(lambda: is_gone(database), "the server ends the session")


@pytest.mark.parametrize(("decision", "left"), [("done", [0, 1, 9]), ("retry", [0, 1, 1, 2, 3, 9])])
def test_killed_it_halts_and_goes_on_exactly_where_somebody_decides(
    database: Database,
    project: Project,
    start_runner: StartRunner,
    decision: Decision,
    left: list[int],
) -> None:
    """The next attempt of the run halts it; the run after the decision finishes the file."""
    with stuck(database, project, start_runner) as (spec, runner):
        kill(database, runner)
    assert [row[2:4] for row in journal(database)] == [(1, "done"), (2, "running")]
    halted = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert (halted.outcome, halted.reason) == (Outcome.HALTED, Reason.STEP_UNKNOWN)
    assert "its run ended while the statement was under way" in halted.message
    assert halted.failure is not None
    assert (halted.failure.line, halted.failure.statement) == (3, "CALL")
    assert decide(database, project, decision).outcome is Outcome.SUCCEEDED
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert marks(database) == left


def test_a_decision_may_come_before_the_run_has_ended(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Then the same run goes on with it."""
    with stuck(database, project, start_runner) as (spec, runner):
        kill(database, runner)
    assert decide(database, project, "done").outcome is Outcome.SUCCEEDED
    again = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert again.outcome is Outcome.SUCCEEDED
    assert marks(database) == [0, 1, 9]


def test_another_run_closes_the_killed_one_and_halts_itself(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """What nobody knows stays open, whoever comes."""
    with stuck(database, project, start_runner) as (_, runner):
        kill(database, runner)
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.STEP_UNKNOWN)
    outcomes = database.query("SELECT outcome FROM meshmigrate.run ORDER BY started_at")
    assert outcomes == [("Interrupted",), ("Halted",)]
    assert decide(database, project, "retry").outcome is Outcome.SUCCEEDED
    assert apply(database, project).outcome is Outcome.SUCCEEDED
    assert marks(database) == [0, 1, 1, 2, 3, 9]


def test_a_stop_ends_it_as_interrupted_and_asks_afterwards(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """SIGTERM cancels the statement; what it had committed is for somebody to see."""
    with stuck(database, project, start_runner) as (_, runner):
        runner.terminate()
        assert runner.wait() == Outcome.INTERRUPTED.exit_code
    assert runner.result.reason == Reason.TERMINATED
    assert marks(database) == [0, 1]
    assert apply(database, project).reason == Reason.STEP_UNKNOWN


def test_a_timeout_of_the_file_asks_too(database: Database, project: Project) -> None:
    """It counts outside of transactions; only the policy's does not."""
    database.query(TABLES + PROCEDURE)
    timed = "-- meshmigrate: timeout 200ms\n"
    project.migration("1", timed + DIRECTIVE + "DO $$ BEGIN COMMIT; PERFORM pg_sleep(60); END $$")
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.STEP_UNKNOWN)
    assert "the statement ran longer than 0.2 s" in done.message


def test_the_command_decides(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """0 with JSON, 10 when nothing waits any more, 2 when something is missing."""
    with stuck(database, project, start_runner) as (_, runner):
        kill(database, runner)

    def repair(*options: str) -> tuple[int, str, str]:
        done = run_command(database, project.root, "repair", *options)
        return done.returncode, done.stdout, done.stderr

    step = ("--step=done", "--version=1", "--reason=why")
    code, output, errors = repair(*step, "--json", "--actor=eve")
    assert (code, errors, json.loads(output)["outcome"]) == (0, "", "Succeeded")
    code, _, errors = repair(*step)
    assert code == 10
    assert "no statement of version 1 waits for a decision" in errors
    for options in (
        ("--step=done", "--reason=why"),
        ("--version=1", "--reason=why"),
        ("--step=maybe", "--version=1", "--reason=why"),
        ("--step=done", "--version=1", "--accept=1", "--reason=why"),
        ("--reason=why",),
    ):
        code, _, errors = repair(*options)
        assert (code, "Usage:" in errors) == (2, True)
