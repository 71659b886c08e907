"""A connection that falls silent while its peer goes on to acknowledge: a balancer, a sidecar."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Final
from uuid import UUID

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from meshmigrate.domain.script import Statement
from meshmigrate.engine.batches import send_batch
from meshmigrate.engine.deferred import WorkingConnection
from meshmigrate.engine.events import EventName
from meshmigrate.engine.silence import Allowance
from meshmigrate.engine.tools import Patience
from tests.postgres.harness import (
    Attempt,
    Database,
    Project,
    attempt,
    eventually,
    leap_at,
    make_spec,
)
from tests.postgres.proxy import COMMIT, Fault, Proxy
from tests.postgres.servers import Server
from tests.postgres.spare_server import new_database
from tests.postgres.test_blocked_connect import Silence
from tests.postgres.test_crash import MARK, Gate, marks, open_gate, three_files
from tests.postgres.test_lost_steps import SENT_INDEX
from tests.postgres.test_steps import INDEX, TABLE, indexes

pytestmark = pytest.mark.one_version  # what is tested here is what we do while no server answers

_FAST: Final = 2000.0
"""Seconds that pass in one, while nobody answers."""


def attempt_by(
    proxy: Proxy,
    database: Database,
    project: Project,
    *,
    policy: Policy | None = None,
    patience: Patience | None = None,
) -> Attempt:
    """Run a project by way of a proxy; the time of its silence passes quickly."""
    return attempt(
        database,
        make_spec(project, policy=policy),
        url=proxy.url,
        rate=lambda: _FAST if proxy.is_swallowing else 1.0,
        patience=patience or Patience(),
    )


def lost(done: Attempt) -> list[str]:
    """Give what was said of lost connections."""
    return done.messages(EventName.CONNECTION_LOST)


@pytest.mark.parametrize("reaches_server", [True, False])
@pytest.mark.parametrize(
    ("message", "after"),
    [
        pytest.param(rb"VALUES \('two'\)[^;]*\n;\n|VALUES \('two'\)", b"", id="statement"),
        pytest.param(COMMIT, b"VALUES ('two')", id="commit"),
        pytest.param(COMMIT, b"SET epoch = l.epoch + 1", id="lease"),
        pytest.param(b"pg_try_advisory_lock", b"", id="lock"),
        pytest.param(COMMIT, b"SET finished_at", id="end"),
    ],
)
def test_whatever_is_swallowed_is_settled_on_another_connection(
    database: Database, project: Project, message: bytes, after: bytes, *, reaches_server: bool
) -> None:
    """Each file is applied once, in the same attempt; the history says what was committed."""
    three_files(project)
    with Proxy(database) as proxy:
        fault = Fault(message, after=after, reaches_server=reaches_server, swallows=True)
        proxy.fault = fault
        done = attempt_by(proxy, database, project, policy=Policy(transaction_mode="PerFile"))
    assert fault.happened.is_set()
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    assert done.result.attempt == 1
    (said,) = lost(done)
    assert "the server has not answered for " in said
    assert marks(database) == ["one", "three", "two"]
    assert [version for event, version in database.log if event == "Applied"] == ["1", "2", "3"]
    assert database.lock_holders() == []


@pytest.mark.parametrize("reaches_server", [True, False])
def test_a_step_that_is_swallowed_is_looked_up(
    database: Database, project: Project, *, reaches_server: bool
) -> None:
    """Outside of a transaction: the index is there or is built, and valid."""
    database.query(TABLE)
    project.migration("1", "-- meshmigrate: timeout 30min\n" + INDEX)
    with Proxy(database) as proxy:
        proxy.fault = Fault(SENT_INDEX, reaches_server=reaches_server, swallows=True)
        done = attempt_by(proxy, database, project)
    assert done.outcome is Outcome.SUCCEEDED
    assert len(lost(done)) == 1
    assert indexes(database) == {"i": True}


def test_a_session_that_lives_on_behind_the_silence_is_ended(
    database: Database, project: Project, gate: Gate
) -> None:
    """The peer does not even pass on that we have gone: it has the lock, and idles."""
    three_files(project, waiting="2")
    with Proxy(database) as proxy, ThreadPoolExecutor(1) as background:
        proxy.lingers = True
        policy = Policy(transaction_mode="PerFile")
        patience = Patience(idle_holder=0.1)
        run = partial(attempt_by, proxy, database, project, policy=policy, patience=patience)
        running = background.submit(run)
        eventually(database.waits_at_gate, "is in version 2")
        proxy.swallow()
        eventually(lambda: proxy.accepted > 1, "connects again")
        open_gate(gate)
        done = running.result()
    assert done.outcome is Outcome.SUCCEEDED
    assert len(done.messages(EventName.TAKING_OVER)) == 1
    assert marks(database) == ["one", "three", "two"]


def test_a_batch_that_nobody_answers_is_given_up_at_the_deadline(
    database: Database, project: Project
) -> None:
    """Each of its statements has the timeout, so only the deadline says it; then it continues."""
    project.migration("1", "CREATE TABLE marks (mark text);\n" + MARK.format("one") * 30)
    with Proxy(database) as proxy:
        behind = rb"(INSERT INTO marks VALUES \('one'\)\s;\s){8}"
        proxy.fault = Fault(behind, reaches_server=False, swallows=True)
        done = attempt_by(proxy, database, project)
        assert proxy.fault.happened.is_set()
    assert (done.outcome, done.result.reason) == (Outcome.INTERRUPTED, Reason.CONNECTION_LOST)
    assert "the server has not answered for " in done.result.message
    again = make_spec(project, run_id=UUID(done.result.run_id), attempt=2)
    assert attempt(database, again).outcome is Outcome.SUCCEEDED
    assert database.scalar("SELECT count(*) FROM marks") == 30


def test_silence_for_good_is_unreachable(database: Database, project: Project, gate: Gate) -> None:
    """New connections are not answered either, until the deadline: said, and continued later."""
    three_files(project, waiting="2")
    policy = Policy(transaction_mode="PerFile")
    with Silence(database) as proxy, ThreadPoolExecutor(1) as background:
        spec = make_spec(project, policy=policy)
        running = background.submit(
            attempt,
            database,
            spec,
            url=f"{proxy.url}&connect_timeout=2",
            rate=lambda: _FAST if proxy.is_swallowing else 1.0,
            leap=leap_at(EventName.CONNECTION_LOST, 3600),
        )
        eventually(database.waits_at_gate, "is in version 2")
        proxy.silent.set()
        proxy.swallow()
        done = running.result()
        for each in proxy.waiting:
            each.close()
    assert done.outcome is Outcome.UNREACHABLE
    assert "could not be reached again within 3600 s" in done.result.message
    assert "the server has not answered for " in lost(done)[0]
    open_gate(gate)
    again = make_spec(project, run_id=spec.run.id, attempt=2, policy=policy)
    assert attempt(database, again).outcome is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]


def test_an_answer_that_comes_late_is_an_answer(
    database: Database, project: Project, gate: Gate
) -> None:
    """Within the time that the statement has, nothing is given up."""
    three_files(project, waiting="2")
    idle = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND query ~ 'gate'"
    with Proxy(database) as proxy, ThreadPoolExecutor(1) as background:
        running = background.submit(attempt_by, proxy, database, project)
        eventually(database.waits_at_gate, "is in version 2")
        proxy.delay()
        open_gate(gate)
        eventually(lambda: not database.waits_at_gate(), "has done the statement")
        eventually(lambda: database.query(idle), "waits for what comes next")
        proxy.let_through()
        done = running.result()
        assert proxy.accepted == 1
    assert done.outcome is Outcome.SUCCEEDED
    assert lost(done) == []


def test_a_commit_that_waits_for_a_standby_is_not_waited_for_without_end(
    spare: Server, project: Project
) -> None:
    """Its session keeps the lock, and is named; when the standby is back, the next attempt goes on.

    No timeout ends such a COMMIT, and it cannot be taken back.
    """
    database = new_database(spare)
    three_files(project)
    spec = make_spec(project)
    hurry = threading.Event()
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with standby_wanted(database), ThreadPoolExecutor(1) as background:
        rate = lambda: _FAST if hurry.is_set() else 1.0  # noqa: E731  short and used once
        running = background.submit(attempt, database, spec, rate=rate)
        eventually(lambda: database.query(waits), "waits for the standby")
        hurry.set()
        done = running.result()
    assert (done.outcome, done.result.reason) == (
        Outcome.LOCK_TIMEOUT,
        Reason.ADVISORY_LOCK_TIMEOUT,
    )
    assert f"'meshmigrate:{str(spec.run.id)[:8]}'" in done.result.message
    assert "the server has not answered for " in lost(done)[0]
    eventually(lambda: not database.lock_holders(), "the session ends")
    again = make_spec(project, run_id=spec.run.id, attempt=2)
    assert attempt(database, again).outcome is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]


@contextmanager
def standby_wanted(database: Database) -> Iterator[None]:
    """Have every COMMIT wait for a standby that there is none of, until the block ends."""
    reload = "SELECT pg_reload_conf()"
    database.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'", superuser=True)
    database.query(reload, superuser=True)
    try:
        yield
    finally:
        database.query("ALTER SYSTEM RESET synchronous_standby_names", superuser=True)
        database.query(reload, superuser=True)


@pytest.mark.parametrize(("behind", "timeouts"), [(b"", 1), (b"SET CONSTRAINTS ALL IMMEDIATE", 2)])
def test_what_is_sent_behind_a_script_has_a_timeout_of_its_own(
    database: Database, behind: bytes, timeouts: int
) -> None:
    """What waits may take as long as the statement before it: that is no silence."""
    seen: list[float] = []
    with WorkingConnection.connect(database.url) as connection:
        connection.allowed = Allowance(7.0)
        connection.meanwhile = lambda: seen.append(connection.allowed.seconds)
        send_batch(connection, [Statement("SELECT 1", "SELECT", 0)], "utf-8", behind=behind)
    assert seen == [7.0 * timeouts]
