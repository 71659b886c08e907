"""``log`` and ``status`` with a long history: 10,000 rows are shown, counted and verified."""

import json
from typing import Final

import pytest

from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import run_command, run_in_terminal

pytestmark = pytest.mark.one_version  # what is shown does not depend on the server

ROWS: Final = 10_000

# As the ledger chains them (docs/ledger.md): each hash is over the one before and the columns.
FILL: Final = f"""
WITH RECURSIVE chain AS (
    SELECT last_id AS id, hash AS previous_hash, hash FROM meshmigrate.log_head
    UNION ALL
    SELECT c.id + 1, c.hash, sha256(c.hash || convert_to(jsonb_build_array(
        c.id + 1, extract(epoch FROM now()), null::uuid, null::integer, (c.id + 1)::text,
        null::text, 'Applied', extract(epoch FROM interval '1 s'), null::text, null::text,
        'of old')::text, 'UTF8'))
    FROM chain AS c WHERE c.id < {ROWS}
), added AS (
    INSERT INTO meshmigrate.log (id, at, version, event, duration, message, previous_hash, hash)
    SELECT id, now(), id::text, 'Applied', interval '1 s', 'of old', previous_hash, hash
    FROM chain WHERE id > (SELECT last_id FROM meshmigrate.log_head)
    RETURNING id, hash
)
UPDATE meshmigrate.log_head AS h SET last_id = a.id, hash = a.hash
FROM added AS a WHERE a.id = {ROWS};
INSERT INTO meshmigrate.applied
    (version, ordinal, name, checksum, applied_at, duration, run_id, how)
SELECT n::text, n, 'old', 'sha256:' || n, now(), interval '1 s', (SELECT id FROM meshmigrate.run),
       'applied'
FROM generate_series(2, {ROWS}) AS n
"""  # noqa: S608  constants of this file


@pytest.fixture
def long(database: Database, project: Project) -> Database:
    """Give a database with 10,000 versions and as many rows in its log."""
    project.migration("1", "SELECT 1")
    attempt(database, make_spec(project))
    database.query(FILL)
    return database


def test_the_whole_log_is_shown_and_verified(long: Database, project: Project) -> None:
    """As JSON, in a pipe, and on a terminal, where a table of that length would take a while."""
    done = run_command(long, project.root, "log", "--json", "--verify", f"--limit={ROWS}")
    found = json.loads(done.stdout)
    assert (done.returncode, len(found["rows"])) == (0, ROWS)
    assert found["chain"] == {"intact": True, "rows": ROWS}
    done = run_command(long, project.root, "log", f"--limit={ROWS}")
    assert len(done.stdout.splitlines()) == ROWS
    shown, code = run_in_terminal(long, project.root, "log", f"--limit={ROWS}")
    lines = shown.splitlines()
    assert (code, len(lines)) == (0, ROWS + 1)
    assert lines[0].split() == ["Id", "At", "Run", "What", "Version", "Time", "Message"]
    assert {line.index("of old") for line in lines if "of old" in line} == {
        lines[0].index("Message")
    }


def test_the_default_shows_the_last_of_them(long: Database, project: Project) -> None:
    """Twenty, which fit a screen."""
    done = run_command(long, project.root, "log")
    assert len(done.stdout.splitlines()) == 20


def test_status_counts_them(long: Database, project: Project) -> None:
    """What is applied and what is pending."""
    project.migration(str(ROWS + 1), "SELECT 1")
    done = run_command(long, project.root, "status", "--json")
    found = json.loads(done.stdout)
    assert (found["currentVersion"], found["appliedCount"]) == (str(ROWS), ROWS)
    assert found["pendingCount"] == 1
