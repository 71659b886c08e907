"""``meshmigrate adopt`` as a program: what it shows, and what is left when it is killed."""

import json
import subprocess

import pytest

from meshmigrate.domain.outcome import Outcome
from tests.postgres.harness import Database, Project, eventually
from tests.postgres.processes import command, environment
from tests.postgres.supabase import FIRST, add, adopt, migrated_by_supabase


def start_adopt(database: Database, project: Project, *options: str) -> subprocess.Popen[str]:
    """Start ``meshmigrate adopt`` in the project's folder."""
    return subprocess.Popen(
        command("adopt", *options),
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_before_it_commits_nothing_is_adopted(database: Database, project: Project) -> None:
    """All versions or none: apply cannot take half of them for new."""
    migrated_by_supabase(database, project)
    adopt(database, project)
    add(database, "20260101000003", ["CREATE TABLE third (x int)"])
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM meshmigrate.log_head FOR UPDATE")
        process = start_adopt(database, project)
        eventually(database.waits_for_row, "waits for the end of the log")
        process.kill()
        process.communicate()
        eventually(lambda: not database.lock_holders(), "the server ends the session")
        other.execute("ROLLBACK")
    assert database.versions == ["20260101000001", "20260101000002"]
    assert adopt(database, project).outcome is Outcome.SUCCEEDED
    assert database.versions[-1] == "20260101000003"


def test_the_command_shows_what_differs_and_how_to_accept_it(
    database: Database, project: Project
) -> None:
    """Exit 10 with the next step, which then works; 0 for a dry run, as JSON if asked."""
    migrated_by_supabase(database, project)
    project.migration("20260101000001", FIRST.replace("INTO events", "INTO public.events"))
    refused = start_adopt(database, project)
    _, errors = refused.communicate(timeout=30)
    assert refused.returncode == 10
    accept = "--accept 20260101000001"
    assert f"meshmigrate adopt {accept}" in errors
    dry = start_adopt(database, project, *accept.split(), "--dry-run", "--json")
    output, _ = dry.communicate(timeout=30)
    assert (dry.returncode, json.loads(output)["outcome"]) == (0, "Succeeded")
    assert not database.has_ledger
    done = start_adopt(database, project, *accept.split())
    output, errors = done.communicate(timeout=30)
    assert (done.returncode, errors) == (0, "")
    assert output.endswith("running: 20260101000001, 20260101000002\n")


@pytest.mark.parametrize("options", [["--accept=x"], ["--reason=y"]])
def test_a_usage_error_is_exit_2(database: Database, project: Project, options: list[str]) -> None:
    """Before anything is connected."""
    project.migration("1", "SELECT 1")
    done = start_adopt(database, project, *options)
    _, errors = done.communicate(timeout=30)
    assert (done.returncode, "Usage:" in errors) == (2, True)
