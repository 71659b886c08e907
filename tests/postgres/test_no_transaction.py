"""Files that say ``no-transaction``: statement by statement, and honest about what nobody knows."""

from functools import partial
from typing import Literal

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.version import Version
from meshmigrate.engine.declare import declare
from meshmigrate.engine.repair_step import StepRepair
from tests.postgres.harness import Attempt, Database, Project, attempt, make_spec
from tests.postgres.test_steps import apply, journal

DIRECTIVE = "-- meshmigrate: no-transaction\n"
MARKS = "CREATE TABLE marks (x int);\n"
PROCEDURE = """
CREATE PROCEDURE p(failing int) LANGUAGE plpgsql AS $$ BEGIN
    FOR i IN 1..3 LOOP
        INSERT INTO marks VALUES (i);
        COMMIT;
        IF i = failing THEN RAISE division_by_zero; END IF;
    END LOOP;
END $$;
"""
FILE = DIRECTIVE + MARKS + PROCEDURE + "CALL p({});\nINSERT INTO marks VALUES (9);\n"

Decision = Literal["done", "retry"]


def marks(database: Database) -> list[int]:
    """Give what the files have left."""
    return [x for (x,) in database.query("SELECT x FROM marks ORDER BY x")]


def decide(database: Database, project: Project, decision: Decision, version: str = "1") -> Attempt:
    """Repair the step of a version, in this process."""
    repair = StepRepair(Version(version), decision, "looked at it", "ada")
    start = partial(declare, decide=repair.decide, while_unfinished=True)
    return attempt(database, make_spec(project), start=start)


def test_each_statement_is_a_step_and_a_procedure_may_commit(
    database: Database, project: Project
) -> None:
    """The history row comes with the last one."""
    project.migration("1", FILE.format(0))
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert marks(database) == [1, 2, 3, 9]
    assert [row[2:4] for row in journal(database)] == [(n, "done") for n in range(1, 5)]
    assert database.versions == ["1"]


def test_a_do_block_that_commits_runs_too(database: Database, project: Project) -> None:
    """The body's COMMIT is refused only without the directive; a check follows the last step."""
    body = "DO $$ BEGIN INSERT INTO marks VALUES (1); COMMIT; END $$"
    project.migration("1", MARKS + body)
    assert apply(database, project).reason == Reason.TRANSACTION_CONTROL
    project.migration("1", DIRECTIVE + MARKS + body)
    project.write("checks/1_c.sql", "SELECT count(*) = 2 FROM marks")
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.NO_ROLLBACK_SCRIPT)
    assert journal(database)[-1][3] == "done", "it is known to be done, although the check fails"
    project.write("checks/1_c.sql", "SELECT count(*) = 1 FROM marks")
    assert apply(database, project).outcome is Outcome.SUCCEEDED
    assert marks(database) == [1]


def test_without_the_directive_the_error_names_it(database: Database, project: Project) -> None:
    """That a procedure commits shows only when it does: 2D000, and nothing is left."""
    project.migration("1", MARKS + PROCEDURE + "CALL p(0)")
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.TRANSACTION_CONTROL)
    assert done.failure is not None
    assert done.failure.sqlstate == "2D000"
    assert "begin the file with `-- meshmigrate: no-transaction`" in done.failure.hint


@pytest.mark.parametrize("decision", ["done", "retry"])
def test_a_call_that_fails_half_way_halts_until_a_person_decides(
    database: Database, project: Project, decision: Decision
) -> None:
    """What it committed stays; done goes on behind it, retry with it."""
    project.migration("1", FILE.format(2), "DROP PROCEDURE p; DROP TABLE marks")
    for _ in range(2):
        done = apply(database, project)
        assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.STEP_UNKNOWN)
        assert done.failure is not None
        assert done.failure.line == 11
    assert marks(database) == [1, 2]
    repaired = decide(database, project, decision).result
    assert repaired.outcome is Outcome.SUCCEEDED, repaired.message
    if decision == "retry":
        project.migration("1", FILE.format(0))
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert marks(database) == ([1, 2, 9] if decision == "done" else [1, 1, 2, 2, 3, 9])


def test_a_halt_says_what_happened_and_how_to_decide(database: Database, project: Project) -> None:
    """The server's error, the place, and both commands."""
    project.migration("7", FILE.format(1))
    done = apply(database, project)
    assert "division_by_zero; what statement 3 (CALL) had committed by then" in done.message
    assert "statement 3, unfinished" in done.message
    assert done.failure is not None
    assert done.failure.sqlstate == "22012"
    for decision in ("done", "retry"):
        command = f"`meshmigrate repair --step {decision} --version 7 --reason TEXT`"
        assert command in done.failure.hint


@pytest.mark.parametrize("call", ["CALL no_such()", "CALL p('x')", "CALL p(1, 2)"])
def test_a_call_that_never_began_is_an_ordinary_failure(
    database: Database, project: Project, call: str
) -> None:
    """What the server does not understand has done nothing, so nobody is asked."""
    database.query(MARKS + PROCEDURE)
    project.migration("1", DIRECTIVE + call)
    done = apply(database, project)
    assert done.outcome is Outcome.FAILED, done.message
    assert journal(database) == []


def test_the_decision_is_in_the_log_with_reason_and_actor(
    database: Database, project: Project
) -> None:
    """One row; the run that decided is one of its own."""
    project.migration("1", FILE.format(1))
    apply(database, project)
    done = decide(database, project, "done").result
    ((version, message, run_id),) = database.query(
        "SELECT version, message, run_id::text FROM meshmigrate.log "
        "WHERE event = 'StepDeclaredDone'"
    )
    assert (version, run_id) == ("1", done.run_id)
    assert message == (
        "statement 3 (CALL) of version 1, of which nothing tells what it did, counts as done; "
        "decided by ada: looked at it"
    )


def test_where_nothing_waits_for_a_decision_it_is_refused(
    database: Database, project: Project
) -> None:
    """No ledger, nothing begun, nothing unknown, decided already."""
    project.migration("1", FILE.format(1))
    assert decide(database, project, "done").result.reason == Reason.NOTHING_TO_REPAIR
    assert not database.has_ledger
    apply(database, project)
    assert decide(database, project, "done", version="2").outcome is Outcome.REFUSED
    assert decide(database, project, "retry").outcome is Outcome.SUCCEEDED
    done = decide(database, project, "done").result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.NOTHING_TO_REPAIR)


def test_a_rollback_script_without_transactions_runs_step_by_step(
    database: Database, project: Project
) -> None:
    """Its directive is kept with it in the ledger."""
    database.query(MARKS + PROCEDURE)
    project.migration("1", "CREATE TABLE a ()", DIRECTIVE + "CALL p(0);\nDROP TABLE a")
    project.migration("2", "SELECT 1/0")
    done = apply(database, project)
    assert done.outcome is Outcome.ROLLED_BACK, done.message
    assert marks(database) == [1, 2, 3]


def test_a_rollback_script_that_fails_half_way_needs_a_person_too(
    database: Database, project: Project
) -> None:
    """RollbackFailed, StepUnknown; after the decision nothing is left open."""
    database.query(MARKS + PROCEDURE)
    project.migration("1", "CREATE TABLE a ()", DIRECTIVE + "CALL p(2);\nDROP TABLE a")
    project.migration("2", "SELECT 1/0")
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.ROLLBACK_FAILED, Reason.STEP_UNKNOWN)
    assert decide(database, project, "done").outcome is Outcome.SUCCEEDED
    assert [row[1:4] for row in journal(database)] == [("down", 1, "done")]
