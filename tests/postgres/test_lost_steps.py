"""Lost connections around steps, on the way back, and in other work than apply."""

import re
from dataclasses import replace
from functools import partial

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.baseline import decide_baseline
from meshmigrate.engine.declare import declare
from meshmigrate.engine.events import EventName
from meshmigrate.engine.rollback import roll_back
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.proxy import COMMIT, Fault, Proxy
from tests.postgres.test_lost_connection import SUICIDE, SUICIDE_ONCE, attempt_with_fault
from tests.postgres.test_steps import INDEX, TABLE, indexes

SENT_INDEX = re.escape(INDEX.strip().removesuffix(";").encode() + b"\0")
"""The statement itself, and not the file that the ledger keeps."""
FATAL_FUNCTION = (
    "CREATE FUNCTION fatal(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
    "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN 1; END $$;"
)


def test_an_index_whose_answer_is_lost_is_not_built_again(
    database: Database, project: Project
) -> None:
    """Fault 7: it is looked up, found valid, and the step is done; the journal counts the loss."""
    database.query(TABLE)
    project.migration("1", INDEX)
    done = attempt_with_fault(database, project, Fault(SENT_INDEX))
    assert done.outcome is Outcome.SUCCEEDED
    assert indexes(database) == {"i": True}
    steps = database.query("SELECT state, connections_lost FROM meshmigrate.step")
    assert steps == [("done", 1)]
    ((lost,),) = database.query(
        "SELECT message FROM meshmigrate.log WHERE event = 'ConnectionLost'"
    )
    assert "(CREATE INDEX)" in lost


@pytest.mark.parametrize("reaches_server", [True, False])
def test_a_step_whose_commit_is_lost_is_done_once(
    database: Database, project: Project, *, reaches_server: bool
) -> None:
    """Fault 5 in the middle of a file: its row in the journal and the transaction's status."""
    database.query(TABLE)
    marks = "CREATE TABLE marks (x int);\nINSERT INTO marks VALUES ('7');\n"
    project.migration("1", marks + INDEX)
    fault = Fault(COMMIT, after=b"VALUES ('7')", reaches_server=reaches_server)
    done = attempt_with_fault(database, project, fault)
    assert done.outcome is Outcome.SUCCEEDED
    assert database.query("SELECT x FROM marks") == [(7,)]
    word = "was committed" if reaches_server else "was rolled back"
    assert any(word in message for message in done.messages(EventName.RECOVERING))


def test_an_index_that_ends_its_server_is_not_tried_a_third_time(
    database: Database, project: Project
) -> None:
    """ServerCrashSuspected; nothing INVALID is left, so the database is as it was."""
    database.query(TABLE + ";" + FATAL_FUNCTION)
    project.migration("1", "CREATE INDEX CONCURRENTLY i ON t (fatal(a));\n")
    database.query("INSERT INTO t VALUES (1)")
    done = attempt(database, make_spec(project))
    assert (done.outcome, done.result.reason) == (
        Outcome.FAILED,
        Reason.SERVER_CRASH_SUSPECTED,
    ), done.result.message
    assert len(done.messages(EventName.CONNECTION_LOST)) == 2
    assert indexes(database) == {}
    assert database.query("SELECT * FROM meshmigrate.step") == []


def test_a_rollback_script_that_ends_its_server_is_not_tried_a_third_time(
    database: Database, project: Project
) -> None:
    """The way back ends, too: RollbackFailed, naming the script."""
    project.migration("1", "CREATE TABLE t (x int)", SUICIDE)
    project.migration("2", "SELECT 1 / 0")
    done = attempt(database, make_spec(project))
    assert done.outcome is Outcome.ROLLBACK_FAILED
    assert "twice in a row" in done.result.message
    assert len(done.messages(EventName.CONNECTION_LOST)) == 2
    assert database.versions == ["1"]


def test_a_way_back_goes_on_after_a_lost_connection(database: Database, project: Project) -> None:
    """In the same attempt, with the failure that began it."""
    database.query("CREATE SEQUENCE once")
    project.migration("1", "CREATE TABLE t (x int)", SUICIDE_ONCE.format("once") + "DROP TABLE t;")
    project.migration("2", "SELECT 1 / 0")
    done = attempt(database, make_spec(project))
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.result.attempt == 1
    assert done.result.failure is not None
    assert done.result.failure.sqlstate == "22012"


@pytest.mark.parametrize("reaches_server", [True, False])
def test_a_baseline_whose_commit_is_lost_is_declared_once(
    database: Database, project: Project, *, reaches_server: bool
) -> None:
    """Fault 5: the stored result is given out, and not refused as a history that is there."""
    project.migration("1", "SELECT 1 / 0")
    fault = Fault(COMMIT, after=b"SET finished_at", reaches_server=reaches_server)
    start = partial(declare, decide=decide_baseline)
    done = attempt_with_fault(database, project, fault, start=start)
    assert done.outcome is Outcome.SUCCEEDED
    assert [event for event, _ in database.log].count("Finished") == 1
    assert database.versions == ["1"]


@pytest.mark.parametrize("reaches_server", [True, False])
def test_going_back_on_purpose_survives_a_lost_commit(
    database: Database, project: Project, *, reaches_server: bool
) -> None:
    """Fault 5 in ``rollback --to``: each version is taken back once, in one attempt."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    fault = Fault(COMMIT, after=b"DROP TABLE b", reaches_server=reaches_server)
    done = attempt_with_fault(database, project, fault, target="0", start=roll_back)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert (done.result.attempt, done.result.rolled_back.count) == (1, 2)
    assert database.versions == []


CUTS = 6
ADD = "INSERT INTO t VALUES ({});\n"


@pytest.mark.parametrize("reaches_server", [True, False])
def test_a_cut_anywhere_costs_nothing_but_time(
    database: Database, project: Project, *, reaches_server: bool
) -> None:
    """Between first contact and end: one attempt, each statement once, the index valid."""
    project.migration("1", "CREATE TABLE t (a int);\n" + ADD.format(1))
    project.migration("2", ADD.format(2) + INDEX + ADD.format(3))
    messages = apply_with_cut(database, project, Fault(b"", skipped=1_000_000))
    for cut in range(1, CUTS):
        name = f"{database.name}_{cut}"
        database.query(f"CREATE DATABASE {name} OWNER {database.role}", superuser=True)
        fault = Fault(b"", reaches_server=reaches_server, skipped=messages * cut // CUTS)
        apply_with_cut(replace(database, name=name), project, fault)
        assert fault.happened.is_set()
        database.query(f"DROP DATABASE {name} WITH (FORCE)", superuser=True)


def apply_with_cut(database: Database, project: Project, fault: Fault) -> int:
    """Apply by way of a proxy, look at the result, and count the messages."""
    with Proxy(database) as proxy:
        proxy.fault = fault
        done = attempt(database, make_spec(project), url=proxy.url)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert (done.result.attempt, done.result.applied.count) == (1, 2)
    assert database.query("SELECT a FROM t ORDER BY a") == [(1,), (2,), (3,)]
    assert indexes(database) == {"i": True}
    assert database.lock_holders() == []
    assert database.scalar("SELECT holder IS NULL FROM meshmigrate.lease")
    return proxy.passed


@pytest.mark.parametrize("reaches_server", [True, False])
def test_a_cut_anywhere_in_a_run_that_goes_back_costs_nothing_but_time(
    database: Database, project: Project, *, reaches_server: bool
) -> None:
    """Forward or back: one attempt, RolledBack with its proof, and a dump as before the run."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    down = "DROP INDEX CONCURRENTLY i; ALTER TABLE t DROP added;"
    project.migration("2", "ALTER TABLE t ADD added int;\n" + INDEX, down)
    project.migration("3", "SELECT 1 / 0")
    messages = go_back_with_cut(database, project, Fault(b"", skipped=1_000_000))[0]
    cut_back = []
    for cut in range(1, CUTS):
        name = f"{database.name}_{cut}"
        database.query(f"CREATE DATABASE {name} OWNER {database.role}", superuser=True)
        fault = Fault(b"", reaches_server=reaches_server, skipped=messages * cut // CUTS)
        cut_back.append(go_back_with_cut(replace(database, name=name), project, fault)[1])
        assert fault.happened.is_set()
        database.query(f"DROP DATABASE {name} WITH (FORCE)", superuser=True)
    assert set(cut_back) == {True, False}


def go_back_with_cut(database: Database, project: Project, fault: Fault) -> tuple[int, bool]:
    """Fail by way of a proxy; count the messages, and tell whether the cut fell on the way back."""
    database.query(TABLE)
    before = database.dump()
    with Proxy(database) as proxy:
        proxy.fault = fault
        done = attempt(database, make_spec(project), url=proxy.url)
    assert done.outcome is Outcome.ROLLED_BACK, done.result.message
    assert (done.result.attempt, done.result.rolled_back.count) == (1, 2)
    assert done.result.failure is not None
    assert done.result.failure.sqlstate == "22012"
    proof = done.result.fingerprint
    assert proof is not None
    assert proof.before == proof.after == proof.expected
    assert (database.dump(), database.versions) == (before, [])
    assert database.lock_holders() == []
    names = [event.name for event in done.events]
    lost = names.index(EventName.CONNECTION_LOST) if EventName.CONNECTION_LOST in names else 0
    return proxy.passed, lost > names.index(EventName.TURNING_BACK)


def test_a_loss_whose_own_record_is_lost_counts_once(database: Database, project: Project) -> None:
    """The second cut hits the COMMIT that writes the first one down: no statement is suspected."""
    database.query("CREATE SEQUENCE once")
    project.migration("1", SUICIDE_ONCE.format("once"))
    fault = Fault(COMMIT, after=b"under way: migrations/1_m.sql")
    done = attempt_with_fault(database, project, fault)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert len(done.messages(EventName.CONNECTION_LOST)) == 2
    assert [event for event, _ in database.log].count("ConnectionLost") == 1
