"""The proof of a way back as everybody sees it: digests in the result, and before it whether."""

import re

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import Fingerprints, Result
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.rollback import roll_back
from tests.postgres.harness import (
    WAIT_AT_GATE,
    Database,
    Project,
    attempt,
    eventually,
    make_spec,
)
from tests.postgres.processes import run_command, run_in_terminal
from tests.postgres.test_crash import Gate, StartRunner, open_gate

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@pytest.fixture
def failing(project: Project) -> Project:
    """Two versions that can be taken back, and a third that fails."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "ALTER TABLE a ADD y int", "ALTER TABLE a DROP y")
    return project.migration("3", "SELECT 1/0")


def schema(result: Result) -> Fingerprints:
    """Give the digests of a result that has to have them."""
    assert result.fingerprint is not None
    return result.fingerprint


def stored(database: Database) -> list[tuple[str, str]]:
    """Give the digests of the runs as the ledger has them, the latest run first."""
    rows = database.query(
        "SELECT fingerprint_before, fingerprint_after FROM meshmigrate.run ORDER BY started_at DESC"
    )
    return [(before, after) for before, after in rows]


def test_a_run_that_is_rolled_back_has_equal_digests(database: Database, failing: Project) -> None:
    """Before, after and expected are one digest: the one that the ledger keeps whole."""
    found = schema(attempt(database, make_spec(failing)).result)
    assert DIGEST.fullmatch(found.before)
    assert found.before == found.after == found.expected
    assert found.proven
    assert stored(database) == [(found.before, found.after)]


def test_a_rollback_that_leaves_something_has_another_digest_at_its_end(
    database: Database, failing: Project
) -> None:
    """It is not proven, and the objects are named beside the digests."""
    failing.migration("2", "CREATE TABLE b (x int)", "SELECT 1")
    done = attempt(database, make_spec(failing)).result
    found = schema(done)
    assert done.outcome is Outcome.ROLLBACK_FAILED
    assert found.before == found.expected != found.after
    assert not found.proven
    assert any("public.b" in difference for difference in done.differences)


def test_a_run_that_succeeds_tells_both_schemas_and_expects_none(
    database: Database, project: Project
) -> None:
    """It did not go back: nothing was to be equal."""
    project.migration("1", "CREATE TABLE a (x int)")
    found = schema(attempt(database, make_spec(project)).result)
    assert found.before != found.after
    assert found.expected == ""
    assert attempt(database, make_spec(project)).result.fingerprint is None, "nothing to do"


def test_a_run_that_is_asked_to_go_back_expects_the_schema_of_then(
    database: Database, project: Project
) -> None:
    """The digest is that of the end of the run that had reached this version."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    then = schema(attempt(database, make_spec(project, target="1")).result)
    attempt(database, make_spec(project))
    back = make_spec(project, target="1", allow_rollback=True)
    done = attempt(database, back).result
    assert (done.outcome, done.reason) == (Outcome.SUCCEEDED, Reason.SUCCEEDED)
    assert schema(done).expected == schema(done).after == then.after
    assert schema(done).before != then.after


def test_a_version_that_nobody_looked_at_has_no_expected_schema(
    database: Database, project: Project
) -> None:
    """Unproven is no proof, also in the digests."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    attempt(database, make_spec(project))
    done = attempt(database, make_spec(project, target="1"), start=roll_back).result
    assert done.reason == Reason.UNPROVEN
    assert schema(done).expected == ""
    assert not schema(done).proven


def test_whoever_finishes_a_way_back_tells_the_same_of_it(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Killed on its way back: the next attempt knows mode, readiness and proof as the first did."""
    project.migration("1", "CREATE TABLE marks (mark text)", "DROP TABLE marks")
    project.migration("2", "CREATE TABLE b ()", WAIT_AT_GATE + "DROP TABLE b")
    project.migration("3", "SELECT 1/0")
    spec = make_spec(project)
    runner = start_runner(spec)
    eventually(database.waits_at_gate, "is on its way back")
    planned = next(line for line in runner.lines if line["event"] == "planned")
    assert planned["rollbackReady"]["reason"] == "ScriptUnverified"
    runner.kill()
    eventually(lambda: not database.waits_at_gate(), "the server ends the session")
    open_gate(gate)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.rollback_ready is not None
    assert (done.transaction_mode, done.rollback_ready.reason) == ("PerFile", "ScriptUnverified")
    assert schema(done).proven


def test_an_interrupted_run_has_said_whether_it_can_be_taken_back(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """It was known before the first statement, so it is in the result of every attempt."""
    project.migration("1", "CREATE TABLE marks (mark text)")
    project.migration("2", WAIT_AT_GATE)
    runner = start_runner(make_spec(project, policy=Policy(transaction_mode="PerFile")))
    eventually(database.waits_at_gate, "is in version 2")
    runner.terminate()
    assert runner.wait() == 30
    open_gate(gate)
    ready = runner.result.rollback_ready
    assert ready is not None
    assert (ready.ready, ready.reason) == (False, "NoScript")


def test_the_command_line_shows_both_digests(database: Database, failing: Project) -> None:
    """In a pipe and on a terminal, after the outcome; not of a run that did not go back."""
    said = run_command(database, failing.root, "apply")
    assert said.returncode == 20
    before, after = said.stdout.splitlines()[-2:]
    (found,) = DIGEST.findall(before)
    assert before == f"  schema before the run: {found}"
    assert after == f"  schema after the run: {found} (equal)"
    shown, code = run_in_terminal(database, failing.root, "apply")
    assert (code, shown.count(found)) == (20, 2)
    failing.root.joinpath("migrations/3_m.sql").unlink()
    assert "sha256" not in run_command(database, failing.root, "apply").stdout


def test_going_back_on_purpose_shows_both_digests(database: Database, project: Project) -> None:
    """The schema that was expected is the one of when the version was last current."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    run_command(database, project.root, "apply")
    said = run_command(database, project.root, "rollback", "--to=0")
    assert said.returncode == 0, said.stderr
    expected, after = said.stdout.splitlines()[-2:]
    assert expected.startswith("  schema at that version: sha256:")
    assert after.endswith(f"{DIGEST.findall(expected)[0]} (equal)")
