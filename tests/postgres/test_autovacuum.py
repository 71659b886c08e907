"""Autovacuum holds a lock for hours and gives it up to who waits longer than deadlock_timeout."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import LockPolicy, Policy
from meshmigrate.engine.events import EventName
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec

# A subtransaction that writes takes a transaction number.
_USE_UP: Final = """
DO $$ BEGIN
    FOR i IN 1..101000 LOOP
        BEGIN INSERT INTO used_up VALUES (i); EXCEPTION WHEN division_by_zero THEN NULL; END;
    END LOOP;
END $$
"""
_WORKERS: Final = """
SELECT v.pid FROM pg_stat_progress_vacuum AS v
JOIN pg_locks AS l ON l.pid = v.pid AND l.relation = 'busy'::regclass
"""


@contextmanager
def autovacuum_at_work(database: Database) -> Iterator[None]:
    """Let a worker be at work on the table named busy, slowly."""
    database.query(
        "ALTER TABLE busy SET (autovacuum_vacuum_cost_delay = 100,"
        "autovacuum_vacuum_cost_limit = 1,"
        "autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,"
        "autovacuum_analyze_threshold = 2000000000);"
        "INSERT INTO busy SELECT generate_series(1, 100000); DELETE FROM busy"
    )
    for setting in ("autovacuum = on", "autovacuum_naptime = 1"):
        database.query(f"ALTER SYSTEM SET {setting}", superuser=True)
    database.query("SELECT pg_reload_conf()", superuser=True)
    try:
        eventually(lambda: database.query(_WORKERS, superuser=True), "autovacuum at work")
        yield
    finally:
        for name in ("autovacuum", "autovacuum_naptime"):
            database.query(f"ALTER SYSTEM RESET {name}", superuser=True)
        database.query("SELECT pg_reload_conf()", superuser=True)


def test_an_autovacuum_in_the_way_yields_to_one_longer_try(
    database: Database, project: Project
) -> None:
    """Every shorter try would come too early for the server to cancel the worker."""
    database.query("CREATE TABLE busy (id int)")
    project.migration("1", "ALTER TABLE busy ADD COLUMN t text")
    with autovacuum_at_work(database):
        ended = attempt(database, make_spec(project))
    assert ended.outcome is Outcome.SUCCEEDED
    assert ended.messages(EventName.TABLE_LOCK_RETRY) == []
    assert "canceling autovacuum task" in database.server.log


@pytest.mark.parametrize("privileged", [False, True])
def test_a_vacuum_that_prevents_wraparound_does_not_yield_and_is_named(
    database: Database, project: Project, *, privileged: bool
) -> None:
    """Nothing tries to drive it out; an ordinary role tells it by the age of the table."""
    database.query("CREATE TABLE busy (id int) WITH (autovacuum_freeze_max_age = 100000)")
    database.query("CREATE TABLE used_up (id int)")
    database.query(_USE_UP)
    if privileged:
        database.query("GRANT pg_monitor TO app", superuser=True)
    project.migration("1", "ALTER TABLE busy ADD COLUMN t text")
    policy = Policy(lock=LockPolicy(table_lock_deadline_seconds=2))
    try:
        with autovacuum_at_work(database):
            ended = attempt(database, make_spec(project, policy=policy))
    finally:
        database.query("REVOKE pg_monitor FROM app", superuser=True)
    assert ended.outcome is Outcome.LOCK_TIMEOUT
    assert "prevents wraparound and does not yield" in ended.result.message
    waiting = ended.messages(EventName.WAITING_FOR_TABLES)
    assert "prevents wraparound and does not yield" in waiting[0]
