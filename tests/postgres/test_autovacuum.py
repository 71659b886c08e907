"""Autovacuum holds a lock for hours and gives it up to who waits longer than deadlock_timeout."""

from collections.abc import Iterator

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.engine.events import EventName
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec

_WORKERS = """
SELECT v.pid FROM pg_stat_progress_vacuum AS v
JOIN pg_locks AS l ON l.pid = v.pid AND l.relation = 'busy'::regclass
"""


@pytest.fixture
def vacuumed(database: Database) -> Iterator[Database]:
    """Give a database with a table that an autovacuum worker is at work on, and stays so."""
    database.query(
        "CREATE TABLE busy (id int) WITH (autovacuum_vacuum_cost_delay = 100,"
        "autovacuum_vacuum_cost_limit = 1, autovacuum_vacuum_threshold = 1,"
        "autovacuum_vacuum_scale_factor = 0, autovacuum_analyze_threshold = 2000000000);"
        "INSERT INTO busy SELECT generate_series(1, 100000); DELETE FROM busy"
    )
    database.query("ALTER SYSTEM SET autovacuum = on", superuser=True)
    database.query("ALTER SYSTEM SET autovacuum_naptime = 1", superuser=True)
    database.query("SELECT pg_reload_conf()", superuser=True)
    try:
        eventually(
            lambda: database.query(_WORKERS, superuser=True), "autovacuum works on the table"
        )
        yield database
    finally:
        database.query("ALTER SYSTEM RESET autovacuum", superuser=True)
        database.query("ALTER SYSTEM RESET autovacuum_naptime", superuser=True)
        database.query("SELECT pg_reload_conf()", superuser=True)


def test_an_autovacuum_in_the_way_yields_to_one_longer_try(
    vacuumed: Database, project: Project
) -> None:
    """Without it every short try would come too early for the server to cancel the worker."""
    project.migration("1", "ALTER TABLE busy ADD COLUMN t text")
    ended = attempt(vacuumed, make_spec(project))
    assert ended.outcome is Outcome.SUCCEEDED
    assert ended.messages(EventName.TABLE_LOCK_RETRY) == []
    assert "canceling autovacuum task" in vacuumed.server.log
