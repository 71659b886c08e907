"""Clocks that are wrong: what is decided and recorded goes by the server's alone."""

import json
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.postgres.harness import Database, Project
from tests.postgres.processes import command, environment


@pytest.mark.parametrize("skew", ["-1h", "+1h"])
def test_a_client_whose_clock_is_an_hour_off_works_and_records_like_any_other(
    database: Database, project: Project, skew: str
) -> None:
    """Fault 24: steps, a failure and its way back; every time written is the server's."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE INDEX CONCURRENTLY i ON a (x)", "DROP INDEX CONCURRENTLY i")
    assert run(database, project, skew)[0] == 0
    project.migration("3", "CREATE TABLE b (x int)", "DROP TABLE b").migration("4", "SELECT 1/0")
    code, result = run(database, project, skew)
    assert (code, database.versions) == (20, ["1", "2"])
    written = [moment for (moment,) in database.query("SELECT at FROM meshmigrate.log")]
    written += [datetime.fromisoformat(str(result[end])) for end in ("startedAt", "finishedAt")]
    now = datetime.now(UTC)
    assert all(abs(now - moment) < timedelta(minutes=30) for moment in written)


def run(database: Database, project: Project, skew: str) -> tuple[int, dict[str, object]]:
    """Run ``meshmigrate apply`` with another clock; give exit code and result."""
    done = subprocess.run(
        ["faketime", "-f", skew, *command("apply", "--json")],
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout)
