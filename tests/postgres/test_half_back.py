"""A way back that ended in the middle of a script in steps: nothing goes on as if it had not."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.rollback import roll_back
from tests.postgres.harness import Attempt, Database, Project, attempt, make_spec
from tests.postgres.processes import run_command
from tests.postgres.test_no_transaction import decide
from tests.postgres.test_steps import TABLE, apply, indexes, journal

TWO = "CREATE INDEX CONCURRENTLY i ON t (a);\nCREATE INDEX CONCURRENTLY j ON t (b);\n"
REFUSED = (Outcome.REFUSED, Reason.ROLLBACK_INCOMPLETE)
BACK = "DROP INDEX CONCURRENTLY j;\nSELECT 1/0;\nDROP INDEX CONCURRENTLY i"


def go_back(database: Database, project: Project, target: str = "0") -> Attempt:
    """Go back on purpose."""
    return attempt(database, make_spec(project, target=target), start=roll_back)


def fail_half_way_back(database: Database, project: Project, *, applied: bool) -> None:
    """Have a version of which one index is gone again, applied or with two steps done."""
    database.query(TABLE)
    if applied:
        project.migration("1", TWO, BACK).migration("2", "SELECT 1/0; VACUUM t")
    else:
        project.migration("1", TWO + "SELECT 1/0;\nVACUUM t", BACK)
    done = apply(database, project)
    assert done.outcome is Outcome.ROLLBACK_FAILED, done.message
    assert indexes(database) == {"i": True}
    assert done.failure is not None
    assert "repair --step" in done.failure.hint
    project.migration("1", TWO, BACK).migration("2", "SELECT 1")


@pytest.mark.parametrize("applied", [False, True])
def test_nothing_goes_forward_from_there(
    database: Database, project: Project, applied: bool
) -> None:
    """The index that was dropped would be missing for ever: refused, and `plan` says so too."""
    fail_half_way_back(database, project, applied=applied)
    for _ in range(2):
        done = apply(database, project)
        assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.ROLLBACK_INCOMPLETE), (
            done.message
        )
        assert "statement 1 (public.j) of the rollback script of version 1" in done.message
    planned = run_command(database, project.root, "plan")
    assert planned.returncode == 10
    assert "repair --step" in planned.stderr
    shown = run_command(database, project.root, "status").stdout
    assert "statement 1 (public.j) of the rollback script of version 1" in shown
    assert "repair --step" in shown


@pytest.mark.parametrize("applied", [False, True])
def test_what_somebody_brought_back_stands_again(
    database: Database, project: Project, applied: bool
) -> None:
    """`retry`: the run goes on from the whole file, and a later way back begins anew."""
    fail_half_way_back(database, project, applied=applied)
    database.query("CREATE INDEX j ON t (b)")
    assert decide(database, project, "retry").outcome is Outcome.SUCCEEDED
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert database.versions == ["1", "2"]
    assert {row[1] for row in journal(database)} == {"up"}
    assert indexes(database) == {"i": True, "j": True}


@pytest.mark.parametrize("applied", [False, True])
def test_what_somebody_took_back_to_the_end_is_gone(
    database: Database, project: Project, applied: bool
) -> None:
    """`done`: nothing of the version stands, so it is applied from its first statement."""
    fail_half_way_back(database, project, applied=applied)
    database.query("DROP INDEX i")
    assert decide(database, project, "done").outcome is Outcome.SUCCEEDED
    assert ("RolledBack" if applied else "StepsRolledBack", "1") in database.log
    assert database.versions == []
    assert journal(database) == []
    assert apply(database, project).outcome is Outcome.SUCCEEDED
    assert indexes(database) == {"i": True, "j": True}
    project.migration("1", TWO, "DROP INDEX i, j")
    run_command(database, project.root, "repair", "--accept=1", "--reason=better")
    project.migration("2", "SELECT 1", "SELECT 1")
    run_command(database, project.root, "repair", "--accept=2", "--reason=better")
    done = go_back(database, project).result
    assert done.reason == Reason.SUCCEEDED, "the schema before version 1 is known, and proven"


def test_going_back_goes_on_where_it_ended(database: Database, project: Project) -> None:
    """With the corrected script, whose first statement is as it was."""
    fail_half_way_back(database, project, applied=True)
    assert go_back(database, project).outcome is Outcome.ROLLBACK_FAILED
    project.migration("1", TWO, BACK.replace("SELECT 1/0", "SELECT 1"))
    accepted = run_command(database, project.root, "repair", "--accept=1", "--reason=typo")
    assert accepted.returncode == 0, accepted.stderr
    done = go_back(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert (indexes(database), journal(database)) == ({}, [])


def test_a_file_half_done_and_half_back_is_not_passed_over(
    database: Database, project: Project
) -> None:
    """It is in no history, so a way back to below it would leave it as it is."""
    project.migration("1", TABLE, "DROP TABLE t")
    assert apply(database, project).outcome is Outcome.SUCCEEDED
    project.migration("2", TWO + "SELECT 1/0;\nVACUUM t", BACK)
    assert apply(database, project).outcome is Outcome.ROLLBACK_FAILED
    done = go_back(database, project)
    assert (done.outcome, done.result.reason) == REFUSED
    assert database.versions == ["1"]
