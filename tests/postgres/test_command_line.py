"""The command line against a real server: what a person sees, and what a script can rely on."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.postgres.harness import Database, Project
from tests.postgres.processes import command, environment, run_command, run_in_terminal

pytestmark = pytest.mark.one_version  # what is shown does not depend on the server

FAILS = "CREATE TABLE a (x int);\nALTER TABLE a\n\tADD COLUMN y nosuch;"


def apply(
    database: Database, folder: Path, *options: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run ``meshmigrate apply`` in a folder, its output going to pipes."""
    return run_command(database, folder, "apply", *options, **more)


def test_a_pipe_gets_plain_lines(database: Database, project: Project) -> None:
    """One line per file, the outcome at the end, exit code 0."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a").migration("2", "SELECT 1")
    done = apply(database, project.root)
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.splitlines()[-3:] == [
        "applying 2 m (2 of 2)",
        "applied 2 m",
        "Succeeded: applied 2 versions",
    ]


def test_json_is_the_result_and_nothing_else(database: Database, project: Project) -> None:
    """So that it can be piped into another program."""
    project.migration("1", FAILS)
    done = apply(database, project.root, "--json")
    result = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert done.returncode == 21
    assert (result["outcome"], result["failure"]["line"]) == ("Failed", 3)


def test_an_error_shows_the_place_the_line_a_caret_and_the_next_step(
    database: Database, project: Project
) -> None:
    """The caret stands under the character, tabs included."""
    project.migration("1", FAILS)
    done = apply(database, project.root)
    assert done.returncode == 21
    assert done.stderr.splitlines() == [
        'migrations/1_m.sql:3:15: ALTER TABLE: type "nosuch" does not exist (SQLSTATE 42704)',
        "  2 | ALTER TABLE a",
        "  3 | \tADD COLUMN y nosuch;",
        "    | \t             ^",
        "next: Correct the statement; a file that failed has left nothing behind.",
    ]


def test_the_supabase_layout_is_found_by_itself(database: Database, project: Project) -> None:
    """Migrations, rollbacks and checks are siblings under supabase/."""
    project.root.joinpath("migrations").rmdir()
    project.write("supabase/migrations/1_a.sql", "CREATE TABLE a (x int)")
    project.write("supabase/rollbacks/1_a.sql", "DROP TABLE a")
    project.write("supabase/migrations/2_b.sql", "SELECT 1/0")
    done = apply(database, project.root)
    assert done.returncode == 20
    assert "rolled back 1 a" in done.stdout


def test_every_folder_of_migrations_brings_its_siblings(
    database: Database, project: Project
) -> None:
    """What belongs to the second folder is found beside the second folder."""
    project.root.joinpath("migrations").rmdir()
    project.write("one/migrations/1_a.sql", "CREATE TABLE a (x int)")
    project.write("two/migrations/2_b.sql", "CREATE TABLE b (x int)")
    project.write("two/migrations/3_c.sql", "SELECT 1/0")
    for version, name, folder in (("1", "a", "one"), ("2", "b", "two")):
        project.write(f"{folder}/rollbacks/{version}_{name}.sql", f"DROP TABLE {name}")
    done = apply(
        database, project.root, "--migrations=one/migrations", "--migrations=two/migrations"
    )
    assert done.returncode == 20, done.stdout


def test_the_url_may_come_from_a_file(database: Database, project: Project) -> None:
    """As a Secret is mounted, with a line end; it wins over the variable."""
    project.migration("1", "SELECT 1").write("url", database.url + "\n")
    done = apply(
        database, project.root, "--database-url-file=url", MESHMIGRATE_DATABASE_URL="postgres://x"
    )
    assert done.returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        ["--on-failure=Explode"],
        ["--deadline=-1"],
        ["--deadline=soon"],
        ["--run-id=7"],
        ["--nosuch"],
        ["surplus"],
    ],
)
def test_a_usage_error_is_exit_2(database: Database, project: Project, options: list[str]) -> None:
    """Told by click, with the right values, before anything is connected."""
    done = apply(database, project.root, *options)
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_no_folder_and_no_database_are_usage_errors(database: Database, tmp_path: Path) -> None:
    """Each names the option that is missing."""
    done = apply(database, tmp_path)
    assert (done.returncode, "--migrations" in done.stderr) == (2, True)
    tmp_path.joinpath("migrations").mkdir()
    without = {k: v for k, v in environment().items() if k != "MESHMIGRATE_DATABASE_URL"}
    done = subprocess.run(
        command("apply"), cwd=tmp_path, env=without, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "MESHMIGRATE_DATABASE_URL" in done.stderr) == (2, True)


def test_a_terminal_gets_a_table_at_the_end(database: Database, project: Project) -> None:
    """With the state of each version; the exit code is the same as in a pipe."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a").migration("2", "SELECT 1/0")
    shown, code = run_in_terminal(database, project.root, "apply")
    assert code == 20
    assert re.search(r"1 +│ applied +│", shown)
    assert re.search(r"2 +│ failed +│", shown)
    assert re.search(r"1 +│ rolled back +│", shown)
    assert "division by zero" in shown
