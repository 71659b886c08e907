"""``meshmigrate plan``: what apply would do, said before it does it."""

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from meshmigrate.domain.runspec import RunSpec
from tests.postgres.harness import (
    WAIT_AT_GATE,
    Database,
    Project,
    attempt,
    eventually,
    make_spec,
)
from tests.postgres.processes import Runner, run_command, run_in_terminal

pytestmark = pytest.mark.one_version  # what is shown does not depend on the server

RUN = UUID("7f0c2f4e-0000-4000-8000-000000000001")

SCRIPT = {"ready": True, "reason": "ScriptUnverified", "message": "it has a rollback script"}
LAST = {"ready": True, "reason": "Transactional", "message": "its transaction undoes it"}

UNDONE = "a failure is undone by the transaction, with nothing left to take back"
FREE = "no existing table"


def plan(database: Database, project: Project, *options: str) -> subprocess.CompletedProcess[str]:
    """Run ``meshmigrate plan``."""
    return run_command(database, project.root, "plan", *options)


def answer(database: Database, project: Project, *options: str) -> dict[str, Any]:
    """Give the JSON of ``meshmigrate plan``."""
    done = plan(database, project, "--json", *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_pending_file_is_described(database: Database, project: Project) -> None:
    """Its statements are counted and named, and what belongs to it is told."""
    project.migration(
        "1",
        "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);",
        "DROP TABLE a",
    )
    project.write("checks/1_rows.sql", "SELECT true").migration("2", "-- nothing yet\n")
    found = answer(database, project)
    assert found["pending"] == [
        {
            "version": "1",
            "name": "m",
            "file": "migrations/1_m.sql",
            "statements": 3,
            "kinds": {"CREATE TABLE": 1, "INSERT": 2},
            "checks": 1,
            "hasRollback": True,
            "transactional": True,
            "steps": 1,
            "tables": {},
            "locksUnknown": [],
            "rollback": SCRIPT,
        },
        {
            "version": "2",
            "name": "m",
            "file": "migrations/2_m.sql",
            "statements": 0,
            "kinds": {},
            "checks": 0,
            "hasRollback": False,
            "transactional": True,
            "steps": 1,
            "tables": {},
            "locksUnknown": [],
            "rollback": LAST,
        },
    ]
    assert (found["target"], found["ledgerVersion"], found["unfinished"]) == ("latest", 0, [])


def test_late_files_are_refused_or_pending_as_the_policy_says(
    database: Database, project: Project
) -> None:
    """The option is that of ``apply``, and the order too."""
    project.migration("2", "CREATE TABLE b (x int)")
    attempt(database, make_spec(project))
    project.migration("3", "CREATE TABLE c (x int)").migration("1", "CREATE TABLE a (x int)")
    refused = plan(database, project)
    assert refused.returncode == 10
    assert "--out-of-order Apply" in refused.stderr
    found = answer(database, project, "--out-of-order", "Apply")
    assert [file["version"] for file in found["pending"]] == ["1", "3"]


def test_nothing_is_written_and_no_lock_is_asked_for(database: Database, project: Project) -> None:
    """No ledger is made, and the whole database is as it was."""
    project.migration("1", "CREATE TABLE a (x int)")
    before, said = database.dump(), len(database.server.log)
    plan(database, project)
    log = database.server.log[said:]
    assert database.dump() == before
    assert not database.has_ledger
    assert "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" in log
    assert "advisory_lock" not in log


def test_the_plan_is_the_one_that_apply_carries_out(database: Database, project: Project) -> None:
    """The same digest is stored with the run."""
    project.migration("1", "SELECT 1").migration("2", "SELECT 2", "SELECT 1")
    digest = answer(database, project)["digest"]
    attempt(database, make_spec(project))
    assert database.scalar("SELECT plan_digest FROM meshmigrate.run") == digest


def test_what_is_applied_or_above_the_target_is_not_pending(
    database: Database, project: Project
) -> None:
    """The plan goes from where the database is to the target."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    project.migration("2", "SELECT 2").migration("3", "SELECT 3")
    found = answer(database, project, "--target=2")
    assert [file["version"] for file in found["pending"]] == ["2"]
    assert (found["currentVersion"], found["target"]) == ("1", "2")


def test_check_is_exit_11_while_something_is_pending(database: Database, project: Project) -> None:
    """And 0 once nothing is; what is shown is the same."""
    project.migration("1", "SELECT 1")
    behind = plan(database, project, "--check")
    assert (behind.returncode, behind.stderr) == (11, "")
    assert behind.stdout == plan(database, project).stdout
    attempt(database, make_spec(project))
    done = plan(database, project, "--check")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "nothing to do")


def _edited(project: Project) -> None:
    project.migration("1", "SELECT 'edited'")


def _late(project: Project) -> None:
    project.migration("0", "SELECT 1")


def _lost(project: Project) -> None:
    project.root.joinpath("migrations/1_m.sql").unlink()
    project.migration("2", "SELECT 1")


def _unreadable(project: Project) -> None:
    project.migration("2", "SELECT 1;\nSELEC 2")


def _committing(project: Project) -> None:
    project.migration("2", "SELECT 1", "COMMIT")


def _writing_check(project: Project) -> None:
    project.migration("2", "SELECT 1").write("checks/always_x.sql", "DELETE FROM a")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_edited, "ChecksumMismatch"),
        (_late, "OutOfOrder"),
        (_lost, "MissingFile"),
        (_unreadable, "SyntaxError"),
        (_committing, "TransactionControl"),
        (_writing_check, "InvalidCheck"),
    ],
)
def test_what_apply_would_refuse_is_refused_in_the_same_words(
    database: Database, project: Project, spoil: Callable[[Project], None], reason: str
) -> None:
    """Exit code 10, the same reason, place, line and next step."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    spoil(project)
    done = plan(database, project, "--check", "--json")
    assert done.returncode == 10
    problem = json.loads(done.stdout)
    applied = run_command(database, project.root, "apply", "--json")
    result = json.loads(applied.stdout)
    assert applied.returncode == 10
    assert problem["reason"] == reason
    for field in ("apiVersion", "outcome", "reason", "message", "failure"):
        assert problem[field] == result[field]
    told = plan(database, project)
    assert told.stdout == ""
    assert told.stderr == run_command(database, project.root, "apply").stderr


@pytest.mark.parametrize("target", ["9", "latst"])
def test_an_unknown_target_is_refused(database: Database, project: Project, target: str) -> None:
    """As by apply."""
    project.migration("1", "SELECT 1")
    done = plan(database, project, f"--target={target}", "--json")
    assert (done.returncode, json.loads(done.stdout)["reason"]) == (10, "UnknownTarget")


@pytest.mark.usefixtures("gate")
def test_what_an_unfinished_way_back_takes_away_is_pending_again(
    database: Database, project: Project, start_runner: Callable[[RunSpec], Runner]
) -> None:
    """Apply finishes it first; the runner is killed in the middle of its first rollback."""
    database.query("CREATE TABLE marks (name text)")
    project.migration("1", "CREATE TABLE a (x int)", WAIT_AT_GATE + "DROP TABLE a;")
    project.migration("2", "SELECT 1/0")
    runner = start_runner(make_spec(project, run_id=RUN))
    eventually(database.waits_at_gate, "the rollback waits at the gate")
    runner.kill()
    found = answer(database, project)
    assert [file["version"] for file in found["pending"]] == ["1", "2"]
    assert found["currentVersion"] == "1"
    (unfinished,) = found["unfinished"]
    assert (unfinished["id"], unfinished["intent"]) == (str(RUN), "undo")
    assert plan(database, project, "--check").returncode == 11


def test_a_pipe_gets_a_line_per_file(database: Database, project: Project) -> None:
    """Between tabs, below where the database stands."""
    project.migration("1", "CREATE TABLE a (x int); SELECT 1; SELECT 2", "DROP TABLE a")
    done = plan(database, project)
    digest = answer(database, project)["digest"]
    assert done.stdout.splitlines()[1:] == [
        "ledger: none in schema meshmigrate; the first apply creates it",
        "version: none",
        f"digest: {digest}",
        "mode: PerFile: there is only one file",
        f"rollback: Transactional: {UNDONE}",
        f"pending\t1\tm\t3\tCREATE TABLE, SELECT x 2\ta transaction\t{FREE}\tTransactional",
    ]


def test_a_terminal_gets_a_table(database: Database, project: Project) -> None:
    """A row per file."""
    project.migration("1", "CREATE TABLE a (x int)")
    shown, code = run_in_terminal(database, project.root, "plan", "--check")
    assert code == 11
    assert re.search(r"│ 1 +│ m +│ 1 +│ CREATE TABLE +│ a transaction +│", shown)
