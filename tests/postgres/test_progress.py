"""What a terminal shows while a statement takes long, and what a pipe gets instead."""

import re
import subprocess
from collections.abc import Callable

import pytest
from psycopg.sql import SQL, Identifier

from meshmigrate.domain.runspec import RunSpec
from tests.postgres.harness import Database, Project, eventually, make_spec
from tests.postgres.processes import Runner, command, environment, run_command
from tests.postgres.terminal import Terminal

pytestmark = pytest.mark.one_version  # what is shown does not depend on the server

COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9][;m]")


def blocked_by_a_row(database: Database, project: Project) -> None:
    """Make a second version wait for a row that somebody else may lock."""
    database.query("CREATE TABLE accounts (id int); INSERT INTO accounts VALUES (1)")
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "-- one row\n\nUPDATE accounts SET id = 2")


def test_a_terminal_shows_the_running_statement_and_who_is_in_its_way(
    database: Database, project: Project
) -> None:
    """File n of m, the statement's kind and place, what it waits for; all of it in place."""
    blocked_by_a_row(database, project)
    with database.connect() as other:
        other.execute("SET application_name = 'the-report'")
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM accounts FOR UPDATE")
        with Terminal(database, project.root, "apply") as terminal:
            terminal.read_until("applying 2 m (2 of 2)")
            terminal.read_until("UPDATE at migrations/2_m.sql:3:1, ")
            terminal.read_until("waits for a lock held by process ")
            terminal.read_until(f"process {other.info.backend_pid} 'the-report' (idle in")
            other.execute("ROLLBACK")
            assert terminal.wait() == 0
    assert "Succeeded: applied 2 versions" in terminal.shown
    assert COLOUR.search(terminal.raw)


@pytest.mark.two_versions("each server tells its progress in its own way")
def test_an_index_that_is_built_beside_the_traffic_says_whom_it_waits_for(
    database: Database, project: Project
) -> None:
    """CREATE INDEX CONCURRENTLY waits for every older transaction, which may take hours."""
    database.query("CREATE TABLE a (x int)")
    project.migration("1", "CREATE INDEX CONCURRENTLY a_x ON a (x)")
    with database.connect() as other:
        other.execute("SET application_name = 'the-report'")
        other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT 1")
        with Terminal(database, project.root, "apply") as terminal:
            terminal.read_until("CREATE INDEX at migrations/1_m.sql:1:1, ")
            terminal.read_until(f"process {other.info.backend_pid} 'the-report'")
            other.execute("ROLLBACK")
            assert terminal.wait() == 0


def test_the_runners_log_says_it_for_those_who_read_only_its_last_line(
    database: Database, project: Project, start_runner: Callable[[RunSpec], Runner]
) -> None:
    """Place, statement, seconds and who is in the way; no constant, and nothing old beside it."""
    blocked_by_a_row(database, project)
    with database.connect() as other:
        other.execute("SET application_name = 'the-report'")
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM accounts FOR UPDATE")
        runner = start_runner(make_spec(project))
        told = eventually(
            lambda: [each for each in runner.lines if each["event"] == "running"],
            "a running statement",
        )
        line = told[0]
        progress = line["progress"]
        assert (progress["applied"], progress["total"], progress["version"]) == (1, 2, "2")
        assert (progress["file"], progress["line"]) == ("migrations/2_m.sql", 3)
        assert progress["statement"] == "UPDATE accounts SET id = …"
        assert progress["seconds"] >= 5
        assert progress["waitingFor"] == "a lock"
        assert f"process {other.info.backend_pid} 'the-report'" in progress["blockers"][0]
        assert line["rollbackReady"]["reason"] == "ScriptUnverified"
        other.execute("ROLLBACK")
        assert runner.wait() == 0
    assert not {"statement", "waitingFor", "blockers"} & runner.lines[-1]["progress"].keys()


def test_the_runners_log_says_that_it_goes_back_and_why(
    database: Database, project: Project, start_runner: Callable[[RunSpec], Runner]
) -> None:
    """From before the first rollback script to the end."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "SELECT 1/0")
    runner = start_runner(make_spec(project))
    assert runner.wait() == 20
    names = [line["event"] for line in runner.lines]
    back = runner.lines[names.index("turning-back") :]
    assert [line["event"] for line in back] == [
        "turning-back",
        "rolling-back",
        "rolled-back",
        "finished",
    ]
    assert [line["progress"]["applied"] for line in back] == [0, 0, 1, 1]
    assert {line["progress"]["direction"] for line in back} == {"down"}
    assert all("version 2 failed: " in line["progress"]["cause"] for line in back)
    assert database.versions == []


def test_no_color_is_honoured(database: Database, project: Project) -> None:
    """The progress is there, without a colour (no-color.org)."""
    project.migration("1", "SELECT 1/0")
    with Terminal(database, project.root, "apply", NO_COLOR="1") as terminal:
        assert terminal.wait() == 21
    assert "division by zero" in terminal.shown
    assert not COLOUR.search(terminal.raw)


def test_a_terminal_that_can_do_nothing_gets_lines(database: Database, project: Project) -> None:
    """TERM=dumb, as editors have it: as a pipe."""
    project.migration("1", "SELECT 1")
    with Terminal(database, project.root, "apply", TERM="dumb") as terminal:
        assert terminal.wait() == 0
    assert "\x1b" not in terminal.raw
    assert "applying 1 m (1 of 1)" in terminal.shown


def test_a_pipe_gets_no_colour_and_nothing_twice(database: Database, project: Project) -> None:
    """Not even where a terminal is described by the environment."""
    project.migration("1", "CREATE TABLE a (x int)")
    done = run_command(
        database, project.root, "apply", TERM="xterm-256color", COLORTERM="truecolor"
    )
    assert "\x1b" not in done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(set(lines))


def test_in_github_actions_the_failing_line_is_annotated(
    database: Database, project: Project
) -> None:
    """On standard error, also with --json; the summary of the step says how it ended."""
    project.migration("1", "SELECT 1;\nSELECT nosuch;")
    summary = project.root / "summary.md"
    github = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(project.root),
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    for name, code in (("apply", 21), ("adopt", 10)):
        done = run_command(database, project.root, name, "--json", **github)
        assert done.returncode == code
        assert done.stdout.count("\n") == 1
        assert "::error " in done.stderr
        assert f"### ❌ meshmigrate {name}: " in summary.read_text()
    done = run_command(database, project.root, "apply", **github)
    assert "::error file=migrations/1_m.sql,line=2,col=8,title=Failed" in done.stderr


def test_where_there_is_no_room_for_a_second_connection_the_rest_is_shown(
    database: Database, project: Project
) -> None:
    """Who is in the way is not known then; the run goes on all the same."""
    blocked_by_a_row(database, project)
    name = database.name
    with database.connect(superuser=True) as other:
        other.execute(SQL("ALTER DATABASE {} CONNECTION LIMIT 2").format(Identifier(name)))
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM accounts FOR UPDATE")
        with Terminal(database, project.root, "apply") as terminal:
            terminal.read_until("UPDATE at migrations/2_m.sql:3:1, ")
            other.execute("ROLLBACK")
            assert terminal.wait() == 0
    assert "waits for" not in terminal.shown


def test_a_pipe_that_is_closed_changes_nothing(database: Database, project: Project) -> None:
    """The run goes to its end, and so does its exit code."""
    project.migration("1", "SELECT 1").migration("2", "CREATE TABLE a (x int)")
    process = subprocess.Popen(
        command("apply"),
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    with process:
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert database.versions == ["1", "2"]
