"""``meshmigrate log``: the story of a database, and the proof that nobody rewrote it."""

import json
import os
import re
import subprocess
from typing import Any
from uuid import UUID

import pytest

from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import command, environment, run_command, run_in_terminal

pytestmark = pytest.mark.one_version  # what is shown does not depend on the server

FIRST = UUID("7f0c2f4e-0000-4000-8000-000000000001")
SECOND = UUID("8e1d305f-0000-4000-8000-000000000002")


@pytest.fixture
def told(database: Database, project: Project) -> Database:
    """Give a database with a run that succeeded and one that was rolled back."""
    project.migration("1", "CREATE TABLE a (x int)")
    attempt(database, make_spec(project, run_id=FIRST))
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b").migration("3", "SELECT 1/0")
    attempt(database, make_spec(project, run_id=SECOND))
    return database


def log(database: Database, project: Project, *options: str, code: int = 0) -> dict[str, Any]:
    """Give the JSON of ``meshmigrate log``."""
    done = run_command(database, project.root, "log", "--json", *options)
    assert (done.returncode, done.stderr) == (code, ""), done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_rows_come_in_the_order_they_were_written(told: Database, project: Project) -> None:
    """Every event with its run; ids without gaps."""
    rows = log(told, project)["rows"]
    assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    assert [(row["event"], row.get("version")) for row in rows] == told.log
    assert re.fullmatch(r"[0-9a-f]{64}", rows[0]["hash"])
    (applied,) = [row for row in rows if row["event"] == "Applied" and row["version"] == "1"]
    assert applied["runId"] == str(FIRST)
    assert applied["durationSeconds"] > 0


def test_the_limit_counts_from_the_end(told: Database, project: Project) -> None:
    """What happened last is what one asks for."""
    everything = log(told, project)["rows"]
    assert log(told, project, "--limit=2")["rows"] == everything[-2:]


def test_one_run_can_be_asked_for(told: Database, project: Project) -> None:
    """Its rows alone."""
    rows = log(told, project, f"--run={SECOND}")["rows"]
    assert rows
    assert {row["runId"] for row in rows} == {str(SECOND)}
    assert rows[-1]["outcome"] == "RolledBack"


def test_an_unknown_run_has_no_rows(told: Database, project: Project) -> None:
    """That is an answer, said in words."""
    done = run_command(told, project.root, "log", f"--run={UUID(int=5)}")
    assert (done.returncode, done.stdout) == (0, "no row of that run\n")


def test_an_untouched_log_verifies(told: Database, project: Project) -> None:
    """Exit code 0; how many rows were walked is said, whatever the limit."""
    found = log(told, project, "--verify", "--limit=1")
    count = told.scalar("SELECT count(*) FROM meshmigrate.log")
    assert found["chain"] == {"intact": True, "rows": count}
    assert "chain" not in log(told, project)


@pytest.mark.parametrize(
    ("tampering", "broken"),
    [
        ("UPDATE {log} SET message = 'nothing happened' WHERE id = 3", 3),
        ("UPDATE {log} SET at = at - interval '1 s' WHERE id = 2", 2),
        ("DELETE FROM {log} WHERE id = 2", 3),
        ("DELETE FROM {log} WHERE id = (SELECT max(id) FROM {log})", None),
        ("DELETE FROM meshmigrate.log_head", None),
    ],
)
def test_a_changed_log_is_exit_11_and_names_the_first_broken_row(
    told: Database, project: Project, tampering: str, broken: int | None
) -> None:
    """Whoever owns the table can switch its trigger off; the chain still tells."""
    if broken is None:  # the end of the chain is broken: its last row, there or not
        broken = told.scalar("SELECT max(id) FROM meshmigrate.log")
    told.query(
        "SET session_replication_role = replica; " + tampering.format(log="meshmigrate.log"),
        superuser=True,
    )
    assert log(told, project, "--verify", code=11)["chain"]["firstBroken"] == broken
    done = run_command(told, project.root, "log", "--verify")
    assert done.returncode == 11
    assert f"row {broken} is the first that does not fit" in done.stderr
    assert "next: " in done.stderr


def test_without_a_ledger_there_is_no_row_and_nothing_broken(
    database: Database, project: Project
) -> None:
    """Looking makes no ledger; the version 0 says that there is none."""
    found = log(database, project, "--verify")
    assert (found["ledgerVersion"], found["rows"]) == (0, [])
    assert found["chain"] == {"intact": True, "rows": 0}
    done = run_command(database, project.root, "log")
    assert "ledger: none in schema meshmigrate" in done.stdout
    assert not database.has_ledger


def test_a_pipe_gets_a_line_per_row(told: Database, project: Project) -> None:
    """Between tabs, also where a message has several lines."""
    done = run_command(told, project.root, "log")
    lines = done.stdout.splitlines()
    assert len(lines) == len(told.log)
    assert all(line.count("\t") == 7 for line in lines)
    last = lines[-1].split("\t")
    assert last[:2] == ["log", str(len(lines))]
    assert last[3:5] == ["8e1d305f", "Finished: RolledBack"]


def test_a_terminal_gets_a_table(told: Database, project: Project) -> None:
    """With a row per event, and what the chain says below."""
    shown, code = run_in_terminal(told, project.root, "log", "--verify")
    assert code == 0
    assert re.search(r"│ Applied +│", shown)
    assert "chain: intact" in shown


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_has_seen_enough_is_no_error(
    told: Database, project: Project, form: list[str]
) -> None:
    """``meshmigrate log | head -1``: the pipe is closed, nothing is complained about."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(
            command("log", *form),
            env=environment(MESHMIGRATE_DATABASE_URL=told.url),
            cwd=project.root,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("options", [["--limit=0"], ["--limit=many"], ["--run=7"]])
def test_a_usage_error_is_exit_2(database: Database, project: Project, options: list[str]) -> None:
    """Told before anything is connected."""
    assert run_command(database, project.root, "log", *options).returncode == 2
