"""SIGTERM and Ctrl-C wherever a command may be: exit 30, nothing half done, and what to do."""

import json
import os
import re
import signal

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.engine.lock import LOCK_KEY
from tests.postgres.commands import in_transaction, is_blocked, started
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import run_command
from tests.postgres.terminal import Terminal

pytestmark = pytest.mark.one_version  # the process is what counts here

TABLE = """
CREATE SCHEMA supabase_migrations;
CREATE TABLE supabase_migrations.schema_migrations (
    version text PRIMARY KEY, statements text[], name text
);
INSERT INTO supabase_migrations.schema_migrations VALUES ('1', ARRAY['SELECT 1'], 'm')
"""
DECLARING = {
    "adopt": ["adopt"],
    "baseline": ["baseline", "--to=1"],
    "repair": ["repair", "--accept=1", "--reason=why"],
}


@pytest.mark.parametrize("name", DECLARING)
def test_a_declaration_stopped_while_it_waits_for_the_lock_has_changed_nothing(
    database: Database, project: Project, name: str
) -> None:
    """Said in words; afterwards it can be done."""
    project.migration("1", "SELECT 1")
    database.query(TABLE)
    if name == "repair":
        attempt(database, make_spec(project))
        project.migration("1", "SELECT 1 -- one")
    with database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        with started(database, project, *DECLARING[name]) as running:
            eventually(lambda: "migration lock is held" in running.output, "waits for the lock")
            assert running.stop() == 30
        assert "Interrupted\nstopped before it began anything of its own" in running.output
    assert run_command(database, project.root, *DECLARING[name]).returncode == 0


@pytest.mark.parametrize("name", DECLARING)
def test_a_declaration_stopped_while_it_writes_is_rolled_back_as_a_whole(
    database: Database, project: Project, name: str
) -> None:
    """Everything it writes is one transaction."""
    project.migration("1", "SELECT 1")
    database.query(TABLE)
    if name == "repair":
        attempt(database, make_spec(project))
    else:
        attempt(database, make_spec(project, target="1"))
        database.query("DELETE FROM meshmigrate.applied")
    project.migration("1", "SELECT 1 -- one")
    before = database.log
    with (
        in_transaction(database, "LOCK TABLE meshmigrate.applied IN EXCLUSIVE MODE"),
        started(database, project, *DECLARING[name]) as running,
    ):
        eventually(lambda: is_blocked(database), "waits to write the history")
        assert running.stop() == 30
    assert database.log == [*before, ("Interrupted", None)]
    assert run_command(database, project.root, *DECLARING[name]).returncode == 0


@pytest.mark.parametrize("name", ["log", "plan", "status"])
def test_a_command_that_looks_is_ended_in_the_middle_of_its_query(
    database: Database, project: Project, name: str
) -> None:
    """And the server is told, so that nothing of it stays behind."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    lock = "LOCK TABLE meshmigrate.applied, meshmigrate.log IN ACCESS EXCLUSIVE MODE"
    with in_transaction(database, lock), started(database, project, name, "--json") as running:
        eventually(lambda: is_blocked(database), "waits for the table")
        assert running.stop(signal.SIGINT) == 30
        eventually(lambda: not is_blocked(database), "the server has ended the query")
    answer = json.loads(running.output)
    assert (answer["outcome"], answer["reason"]) == ("Interrupted", "Terminated")


def test_stopped_while_it_waits_for_a_table(database: Database, project: Project) -> None:
    """Outside of a transaction: the version is untouched, and the next run applies it."""
    database.query("CREATE TABLE a (x int)")
    project.migration("1", "SELECT 1", "SELECT 1")
    project.migration("2", "ALTER TABLE a ADD COLUMN y int")
    with (
        in_transaction(database, "SELECT 1 FROM a"),
        started(database, project, "apply") as running,
    ):
        eventually(lambda: "waiting for older" in running.output, "waits for the table")
        assert running.stop() == 30
    assert "applied by this run so far: 1, the last 1" in running.output
    assert re.search(r"next: Run again: .*`--run-id [0-9a-f-]{36}` continues", running.output)
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]


def test_stopped_in_back_off(database: Database, project: Project) -> None:
    """Between two tries of a file whose targets its text does not tell."""
    database.query("CREATE TABLE a (x int)")
    project.migration("1", "DO $$ BEGIN EXECUTE 'ALTER TABLE a ADD COLUMN y int'; END $$")
    with (
        in_transaction(database, "SELECT 1 FROM a"),
        started(database, project, "apply") as running,
    ):
        eventually(lambda: "try 4 in" in running.output, "has tried three times")
        assert running.stop() == 30
    assert database.versions == []
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def test_stopped_while_an_index_is_built_beside_the_traffic(
    database: Database, project: Project
) -> None:
    """The INVALID index that a cancelled build leaves is made whole by the next run."""
    database.query("CREATE TABLE a (x int)")
    project.migration("1", "CREATE INDEX CONCURRENTLY a_x ON a (x)")
    with (
        in_transaction(database, "INSERT INTO a VALUES (1)"),
        started(database, project, "apply") as running,
    ):
        eventually(lambda: is_blocked(database), "waits for the older transaction")
        assert running.stop() == 30
    assert "is looked up and made whole by then" in running.output
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.scalar("SELECT indisvalid FROM pg_index WHERE indexrelid = 'a_x'::regclass")


def test_stopped_on_its_way_back_it_says_so(database: Database, project: Project) -> None:
    """The next run finishes the way back before anything else."""
    database.query("CREATE TABLE marks (x int); INSERT INTO marks VALUES (1)")
    project.migration("1", "CREATE TABLE a (x int)", "UPDATE marks SET x = 2; DROP TABLE a")
    project.migration("2", "SELECT 1/0")
    with (
        in_transaction(database, "SELECT 1 FROM marks FOR UPDATE"),
        started(database, project, "apply") as running,
    ):
        eventually(database.waits_for_row, "is in the rollback script")
        assert running.stop() == 30
    assert "stopped on its way back; the open transaction was rolled back" in running.output
    assert "next: Run again: it finishes the way back first." in running.output
    project.migration("2", "SELECT 2")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED


def test_ctrl_c_on_a_terminal_ends_in_order(database: Database, project: Project) -> None:
    """Although the terminal's display has threads of its own."""
    project.migration("1", "SELECT pg_sleep(60)")
    with Terminal(database, project.root, "apply") as terminal:
        terminal.read_until("SELECT at migrations/1_m.sql:1:1")
        terminal.interrupt()
        assert terminal.wait() == 30
    assert "warning: stopping: what runs is cancelled" in terminal.shown
    assert "Interrupted: stopped on its way forward" in terminal.shown


def test_a_second_ctrl_c_leaves_at_once(database: Database, project: Project) -> None:
    """A server that does not answer is not waited for; what it has open is rolled back."""
    database.query("CREATE TABLE a (x int)")
    project.migration("1", "INSERT INTO a SELECT 1 FROM pg_sleep(60)")
    with Terminal(database, project.root, "apply") as terminal:
        terminal.read_until("INSERT at migrations/1_m.sql:1:1")
        ((pid,),) = database.query(
            "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' "
            "AND datname = current_database()"
        )
        os.kill(pid, signal.SIGSTOP)
        try:
            terminal.interrupt()
            terminal.read_until("stopping: ")
            terminal.interrupt()
            assert terminal.wait() == 30
        finally:
            os.kill(pid, signal.SIGCONT)
    assert "Interrupted: left at once, without waiting for the server" in terminal.shown
    assert "Run again: what is applied stays" in terminal.shown
    assert "\x1b[?25h" in terminal.raw  # the cursor is back
    eventually(lambda: not database.lock_holders(), "the server has noticed")
    assert database.scalar("SELECT count(*) FROM a") == 0


def test_a_rollback_that_was_stopped_is_finished_by_whoever_comes_next(
    database: Database, project: Project
) -> None:
    """It says that it is on its way back, and so does a run that was stopped ending it."""
    database.query("CREATE TABLE marks (x int); INSERT INTO marks VALUES (1)")
    project.migration("1", "CREATE TABLE a (x int)", "UPDATE marks SET x = 2; DROP TABLE a")
    attempt(database, make_spec(project))
    for arguments, said in (
        (["rollback", "--to=0"], "stopped on its way back; "),
        (["apply"], "anything of its own, while ending what was left unfinished: run "),
    ):
        with (
            in_transaction(database, "SELECT 1 FROM marks FOR UPDATE"),
            started(database, project, *arguments) as running,
        ):
            eventually(database.waits_for_row, "is in the rollback script")
            assert running.stop() == 30
        assert said in running.output
    assert run_command(database, project.root, "apply").returncode == 0
    assert database.versions == ["1"]
