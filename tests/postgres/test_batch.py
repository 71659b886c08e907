"""All files in one transaction: each as if it were alone, and none of them without the others."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import psycopg
from msgspec.structs import replace as with_fields

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import LockPolicy, Policy, RunSpec
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.ledger.log import find_break
from meshmigrate.engine.ledger.store import Ledger
from tests.postgres.harness import (
    WAIT_AT_GATE,
    Attempt,
    Database,
    Project,
    attempt,
    eventually,
    make_spec,
)
from tests.postgres.processes import Runner

BATCH = Policy(transaction_mode="Batch")
Gate = psycopg.Connection[tuple[object, ...]]
StartRunner = Callable[[RunSpec], Runner]


def apply(database: Database, project: Project, *ups: str) -> Attempt:
    """Apply files with these texts as a batch, versions from 1."""
    for version, up in enumerate(ups, 1):
        project.migration(str(version), up)
    return attempt(database, make_spec(project, policy=BATCH))


def test_each_file_has_its_rows_and_its_own_time(database: Database, project: Project) -> None:
    """In the history and in the log: each begins where the one before ended."""
    done = apply(database, project, "SELECT 1", "SELECT 2", "SELECT 3")
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.result.applied.count, done.result.message) == (3, "applied 3 versions")
    assert database.versions == ["1", "2", "3"]
    for query in (
        "SELECT applied_at, duration FROM meshmigrate.applied ORDER BY ordinal",
        "SELECT at, duration FROM meshmigrate.log WHERE event = 'Applied' ORDER BY id",
    ):
        times = database.query(query)
        assert all(at - took >= end for (end, _), (at, took) in pairwise(times))
    assert database.scalar("SELECT count(DISTINCT xmin::text) FROM meshmigrate.applied") == 1


def test_applied_is_told_when_all_of_it_is_committed(database: Database, project: Project) -> None:
    """Not before: what a batch has done may still be gone."""
    done = apply(database, project, "SELECT 1", "SELECT 2")
    names = (EventName.APPLYING, EventName.APPLIED)
    told = [(e.name, e.version, e.done) for e in done.events if e.name in names]
    assert told == [
        (EventName.APPLYING, "1", 0),
        (EventName.APPLYING, "2", 1),
        (EventName.APPLIED, "1", 1),
        (EventName.APPLIED, "2", 2),
    ]


SETTINGS = """
SET search_path = other;
SET client_min_messages = error;
SET LOCAL work_mem = '1234kB';
SET lock_timeout = 0;
PREPARE p AS SELECT 1;
DECLARE c CURSOR FOR SELECT 1;
CREATE TEMP TABLE leftover (x int);
INSERT INTO public.t VALUES (1);
"""
FRESH = """
INSERT INTO t SELECT 1 / (current_setting('work_mem') <> '1234kB')::int;
SELECT 1 / (current_setting('client_min_messages') <> 'error')::int;
SELECT 1 / (current_setting('lock_timeout') <> '0')::int;
PREPARE p AS SELECT 1;
DECLARE c CURSOR FOR SELECT 1;
CREATE TEMP TABLE leftover (x int);
CREATE TABLE here (x int);
"""


def test_what_a_file_sets_does_not_reach_the_next_one(database: Database, project: Project) -> None:
    """Settings, prepared statements, cursors and temporary tables end with their file."""
    database.query("CREATE SCHEMA other; CREATE TABLE t (x int)")
    done = apply(database, project, SETTINGS, FRESH)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert database.scalar("SELECT to_regclass('public.here') IS NOT NULL")


def test_the_rows_of_more_files_than_one_message_holds(
    database: Database, project: Project
) -> None:
    """All of them are written, in order, each behind the one before, and the chain is whole."""
    done = apply(database, project, *(f"SELECT {number}" for number in range(300)))
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert database.versions == [str(version) for version in range(1, 301)]
    with database.connect() as connection:
        assert find_break(Ledger(connection, "meshmigrate")) is None


def test_a_check_of_the_first_file_or_of_the_run_fails_all_of_them(
    database: Database, project: Project
) -> None:
    """Checks run in the transaction, and what fails there leaves nothing."""
    project.write("checks/1_c.sql", "SELECT to_regclass('b') IS NULL")
    project.write("checks/always_c.sql", "SELECT to_regclass('b') IS NULL")
    done = apply(database, project, "CREATE TABLE a (x int)", "CREATE TABLE b (x int)")
    assert (done.outcome, done.result.reason) == (Outcome.FAILED, Reason.CHECK_FAILED)
    assert done.result.failure is not None
    assert (done.result.failure.version, done.result.failure.file) == ("2", "checks/always_c.sql")
    assert database.scalar("SELECT to_regclass('a') IS NULL AND to_regclass('b') IS NULL")


def test_a_file_that_ends_the_transaction_is_not_recorded(
    database: Database, project: Project
) -> None:
    """As it is file by file: a COMMIT that only the server sees."""
    body = "BEGIN EXECUTE 'COM' || 'MIT'; END"
    done = apply(database, project, "CREATE TABLE a (x int)", f"DO $$ {body} $$")
    assert done.outcome is Outcome.FAILED
    assert database.scalar("SELECT to_regclass('a') IS NULL")


def test_killed_in_the_middle_of_a_batch_nothing_is_applied(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """By kill -9 in the second file: the next attempt applies all, in the mode of the first.

    One that is given another mode, or another policy on failure, is refused: it is another plan.
    """
    database.query("CREATE TABLE marks (name text)")
    before = database.dump()
    project.migration("1", "INSERT INTO marks VALUES ('one')")
    project.migration("2", WAIT_AT_GATE)
    spec = make_spec(project)
    runner = start_runner(spec)
    eventually(database.waits_at_gate, "is in the second file")
    runner.kill()
    eventually(lambda: not database.waits_at_gate(), "the server ends the session")
    assert database.dump() == before
    assert database.versions == []
    gate.execute("SELECT pg_advisory_unlock_all()")
    again = make_spec(project, run_id=spec.run.id, attempt=2)
    for policy in (Policy(transaction_mode="PerFile"), Policy(on_failure="Halt")):
        other = attempt(database, with_fields(again, policy=policy))
        assert (other.outcome, other.result.reason) == (Outcome.REFUSED, Reason.SOURCE_CHANGED)
        assert "onFailure or transaction mode" in other.result.message
    done = attempt(database, again)
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.result.transaction_mode, done.result.attempt) == ("Batch", 2)
    assert database.versions == ["1", "2"]


def test_the_tables_of_all_files_are_waited_for_before_the_first(
    database: Database, project: Project
) -> None:
    """Nothing is held while an old transaction has the table of the last file."""
    database.query("CREATE TABLE a (x int); CREATE TABLE b (x int)")
    with database.connect() as reader:
        reader.execute("BEGIN; SELECT * FROM b")
        held: list[object] = []

        def look(event: Event) -> None:
            if event.name is EventName.WAITING_FOR_TABLES:
                on_a = "SELECT 1 FROM pg_locks WHERE relation = 'a'::regclass"
                held.extend(database.query(on_a))
                reader.execute("COMMIT")

        project.migration("1", "ALTER TABLE a ADD y int").migration("2", "ALTER TABLE b ADD y int")
        done = attempt(database, make_spec(project, policy=BATCH), during=look)
    assert done.outcome is Outcome.SUCCEEDED
    assert len(done.messages(EventName.WAITING_FOR_TABLES)) == 1
    assert held == []


def test_a_lock_that_is_not_to_be_had_is_tried_for_with_the_whole_transaction(
    database: Database, project: Project
) -> None:
    """Between two tries it holds nothing; each file is applied once."""
    database.query("CREATE TABLE a (x int); CREATE TABLE b (x int)")
    # What a DO block locks is not known before it runs.
    second = "DO $$ BEGIN LOCK TABLE b; END $$"
    with database.connect() as other, ThreadPoolExecutor(1) as background:
        other.execute("BEGIN; LOCK TABLE b")

        def release(event: Event) -> None:
            if event.name is EventName.TABLE_LOCK_RETRY:
                other.execute("ROLLBACK")

        project.migration("1", "INSERT INTO a VALUES (1)").migration("2", second)
        spec = make_spec(project, policy=BATCH)
        done = background.submit(attempt, database, spec, during=release).result()
    assert done.outcome is Outcome.SUCCEEDED
    (retry,) = (event for event in done.events if event.name is EventName.TABLE_LOCK_RETRY)
    assert retry.version == "2"
    assert database.scalar("SELECT count(*) FROM a") == 1


def test_a_lock_timeout_of_a_batch_leaves_nothing(database: Database, project: Project) -> None:
    """So the whole run may be tried again."""
    database.query("CREATE TABLE b (x int)")
    with database.connect() as other:
        other.execute("BEGIN; LOCK TABLE b")
        project.migration("1", "CREATE TABLE a (x int)").migration("2", "ALTER TABLE b ADD y int")
        lock = LockPolicy(table_lock_deadline_seconds=0.5)
        policy = Policy(transaction_mode="Batch", lock=lock)
        done = attempt(database, make_spec(project, policy=policy)).result
    assert (done.outcome, done.reason) == (Outcome.LOCK_TIMEOUT, Reason.TABLE_LOCK_TIMEOUT)
    assert database.versions == []


def test_more_locks_than_the_server_has_room_for_end_in_advice(
    database: Database, project: Project
) -> None:
    """A batch holds all of them; what helps is said."""
    many = "DO $$ BEGIN FOR i IN 1..50000 LOOP PERFORM pg_advisory_xact_lock(i); END LOOP; END $$"
    done = apply(database, project, "CREATE TABLE a (x int)", many).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.STATEMENT_FAILED)
    assert done.failure is not None
    assert done.failure.sqlstate == "53200"
    assert "max_locks_per_transaction" in done.failure.hint
    assert "--transaction-mode PerFile" in done.failure.hint
    assert database.scalar("SELECT to_regclass('a') IS NULL")
