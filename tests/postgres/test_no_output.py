"""Where output cannot be written: the run goes on, its exit code stays, nobody is blamed."""

import subprocess

import pytest

from tests.postgres.harness import Database, Project
from tests.postgres.processes import command, environment

pytestmark = pytest.mark.one_version


def run_into(database: Database, project: Project, where: str, *arguments: str) -> tuple[int, str]:
    """Run a command with its standard output going somewhere; give exit code and errors."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {where}', "sh", *command(*arguments)],
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_a_run_and_its_exit_code_are_what_they_would_be(
    database: Database, project: Project, where: str, options: tuple[str, ...]
) -> None:
    """The disk is full, or the output closed; nobody who waits for the code is misled."""
    project.migration("1", "CREATE TABLE t (x int)")
    code, errors = run_into(database, project, where, "apply", *options)
    assert (code, database.versions) == (0, ["1"])
    assert "fault of meshmigrate" not in errors
    project.migration("2", "SELECT 1/0")
    assert run_into(database, project, where, "apply", *options)[0] == 21


@pytest.mark.parametrize("name", ["status", "plan", "log"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_cannot_be_shown_is_no_fault_of_the_program(
    database: Database, project: Project, name: str, options: tuple[str, ...]
) -> None:
    """A full disk is named."""
    project.migration("1", "SELECT 1")
    code, errors = run_into(database, project, ">/dev/full", name, *options)
    assert (code, errors) == (0, "standard output cannot be written: No space left on device\n")
    assert run_into(database, project, ">&-", name, *options) == (0, "")
