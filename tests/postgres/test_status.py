"""``meshmigrate status``: what it shows, from an empty database to a run under way."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import RunSpec
from tests.postgres.commands import in_transaction, is_blocked, started
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


def status(database: Database, project: Project, *options: str) -> dict[str, Any]:
    """Give the JSON of ``meshmigrate status``."""
    done = run_command(database, project.root, "status", "--json", *options)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_without_a_ledger_everything_is_pending(database: Database, project: Project) -> None:
    """Looking makes no ledger, and says that there is none."""
    project.migration("1", "SELECT 1").migration("2", "SELECT 1")
    found = status(database, project)
    assert found["database"]["name"] == database.name
    assert found["database"]["systemIdentifier"].isdigit()
    del found["database"]
    assert found == {
        "apiVersion": 1,
        "ledgerSchema": "meshmigrate",
        "ledgerVersion": 0,
        "appliedCount": 0,
        "pendingCount": 2,
        "unfinished": [],
        "runs": [],
        "openSteps": [],
        "next": "`meshmigrate plan` shows what is pending, `meshmigrate apply` applies it.",
    }
    assert not database.has_ledger


def test_after_a_run_the_version_and_the_run_are_shown(
    database: Database, project: Project
) -> None:
    """With what is pending since, and how the run ended."""
    project.migration("1", "CREATE TABLE a (x int)")
    attempt(database, make_spec(project, run_id=RUN))
    project.migration("2", "SELECT 1")
    found = status(database, project)
    assert (found["currentVersion"], found["appliedCount"], found["pendingCount"]) == ("1", 1, 1)
    assert "lock" not in found
    (run,) = found["runs"]
    assert (run["id"], run["outcome"], run["actor"]) == (str(RUN), "Succeeded", "ci")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", run["finishedAt"])


def test_the_latest_runs_come_first_and_are_five(database: Database, project: Project) -> None:
    """More are in the log."""
    ids = [uuid4() for _ in range(6)]
    for number, run_id in enumerate(ids, start=1):
        project.migration(str(number), "SELECT 1")
        attempt(database, make_spec(project, run_id=run_id))
    shown = [UUID(run["id"]) for run in status(database, project)["runs"]]
    assert shown == list(reversed(ids))[:5]


@pytest.mark.usefixtures("gate")
def test_a_run_under_way_is_named_with_the_session_that_holds_the_lock(
    database: Database, project: Project, start_runner: Callable[[RunSpec], Runner]
) -> None:
    """Status waits for nothing: the run holds the lock and an open transaction."""
    database.query("CREATE TABLE marks (name text)")
    project.migration("1", WAIT_AT_GATE)
    start_runner(make_spec(project, run_id=RUN))
    eventually(database.waits_at_gate, "the migration waits at the gate")
    found = status(database, project)
    assert found["lock"]["runId"] == str(RUN)
    assert found["lock"]["applicationName"] == "meshmigrate:7f0c2f4e"
    (run,) = found["unfinished"]
    assert (run["id"], run["intent"], run["attempt"]) == (str(RUN), "apply", 1)
    lines = run_command(database, project.root, "status").stdout
    assert f"lock: held by process {found['lock']['pid']} 'meshmigrate:7f0c2f4e'" in lines
    assert f"unfinished: run {RUN}, attempt 1, on its way forward" in lines


def test_a_pipe_gets_a_line_per_fact(database: Database, project: Project) -> None:
    """Names before a colon, runs between tabs."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project, run_id=RUN))
    done = run_command(database, project.root, "status")
    assert (done.returncode, done.stderr) == (0, "")
    facts = done.stdout.splitlines()
    assert facts[0].startswith(f"database: {database.name}, system identifier ")
    assert facts[1:6] == [
        "ledger: schema meshmigrate, version 2",
        "version: 1",
        "applied: 1",
        "pending: 0",
        "lock: free",
    ]
    assert facts[6].startswith(f"run\t{RUN}\tSucceeded\t")


def test_a_terminal_gets_a_table(database: Database, project: Project) -> None:
    """The same facts, drawn; square brackets in a message are text."""
    project.migration("1", "DO $$ BEGIN RAISE EXCEPTION 'see [red]docs[/red]'; END $$")
    attempt(database, make_spec(project, run_id=RUN))
    shown, code = run_in_terminal(database, project.root, "status")
    assert code == 0
    assert re.search(r"lock +free", shown)
    assert "│ Failed" in shown
    assert "[red]" in shown


def test_without_a_folder_of_migrations_the_rest_is_shown(
    database: Database, project: Project
) -> None:
    """Whoever looks at a database at night may not have the files."""
    project.root.joinpath("migrations").rmdir()
    assert "pendingCount" not in status(database, project)
    lines = run_command(database, project.root, "status").stdout
    assert "pending: unknown, no folder of migrations here" in lines


def test_a_session_may_not_write_while_it_looks(database: Database, project: Project) -> None:
    """Its transaction is read-only: the server's log has no other, and no setting of ours."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    before = len(database.server.log)
    status(database, project)
    said = database.server.log[before:]
    assert "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" in said
    assert not re.search(r"INSERT|UPDATE|DELETE|CREATE|advisory_lock|RESET|DISCARD", said)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_schema_that_is_no_ledger_is_refused(
    database: Database, project: Project, form: list[str]
) -> None:
    """Exit code 10, with the next step; JSON has the fields of a result."""
    project.migration("1", "SELECT 1")
    database.query("CREATE SCHEMA other; CREATE TABLE other.t (x int)")
    done = run_command(database, project.root, "status", "--ledger-schema=other", *form)
    assert done.returncode == 10
    if form:
        problem = json.loads(done.stdout)
        assert (problem["outcome"], problem["reason"]) == ("Refused", "LedgerConflict")
        assert problem["failure"]["hint"]
    else:
        assert done.stdout == ""
        assert "the schema 'other' exists and is not a ledger" in done.stderr
        assert "next: " in done.stderr


def test_a_role_that_may_not_read_the_ledger_is_told_so(
    database: Database, project: Project
) -> None:
    """Refused, not failed: nothing was tried that could fail."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    database.query("ALTER SCHEMA meshmigrate OWNER TO postgres", superuser=True)
    done = run_command(database, project.root, "status", "--json")
    assert done.returncode == 10
    assert json.loads(done.stdout)["reason"] == "PermissionDenied"


def test_a_server_that_does_not_answer_is_exit_32(database: Database, project: Project) -> None:
    """The same code as apply's, and no password in what is said."""
    project.migration("1", "SELECT 1")
    done = run_command(
        database,
        project.root,
        "status",
        MESHMIGRATE_DATABASE_URL="postgres://app:hunter2@127.0.0.1:1/x?sslmode=disable",
    )
    assert done.returncode == 32
    assert "no connection to the database" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_another_ledger_schema_is_another_history(database: Database, project: Project) -> None:
    """What is applied there is not applied here."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project, schema="Other one"))
    assert status(database, project)["ledgerVersion"] == 0
    assert status(database, project, "--ledger-schema=Other one")["currentVersion"] == "1"


def test_a_lock_holder_that_is_no_run_of_this_ledger_has_no_run(
    database: Database, project: Project, gate: psycopg.Connection[tuple[object, ...]]
) -> None:
    """The lock is the database's: whoever holds it is named as far as the server knows."""
    project.migration("1", "SELECT 1")
    gate.execute("SELECT pg_advisory_lock(-9046429974063706722)")
    holder = status(database, project)["lock"]
    assert holder["pid"] == gate.info.backend_pid
    assert "runId" not in holder


def test_the_settings_of_the_role_do_not_matter(database: Database, project: Project) -> None:
    """A role may have any date style and time zone, and migrate with it."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    before = status(database, project)
    for setting in ("datestyle = 'SQL, DMY'", "timezone = 'Asia/Kolkata'", "search_path = ''"):
        database.query(f"ALTER ROLE app IN DATABASE {database.name} SET {setting}", superuser=True)
    assert status(database, project) == before
    project.migration("2", "CREATE TABLE public.a (day date DEFAULT '2026-02-01')")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def test_a_statement_that_was_cut_off_is_named_with_what_to_do(
    database: Database, project: Project
) -> None:
    """A process that was killed while it built an index; the next apply settles it."""
    database.query("CREATE TABLE a (x int)")
    project.migration("1", "CREATE INDEX CONCURRENTLY a_x ON a (x)")
    with in_transaction(database, "INSERT INTO a VALUES (1)"):
        with started(database, project, "apply") as running:
            eventually(lambda: is_blocked(database), "waits for the older transaction")
            running.process.kill()
            running.process.wait(30)
        eventually(lambda: not database.lock_holders(), "the server has noticed")
        found = status(database, project)
        shown = run_command(database, project.root, "status").stdout
    (step,) = found["openSteps"]
    assert (step["version"], step["ordinal"], step["object"]) == ("1", 1, "public.a_x")
    assert step["runId"] == found["unfinished"][0]["id"]
    assert "open step: statement 1 (public.a_x) of the file of version 1, begun " in shown
    assert "next: Run `meshmigrate apply`: it closes that run and goes on" in shown
    assert run_command(database, project.root, "apply").returncode == 0
    assert "next" not in status(database, project)
