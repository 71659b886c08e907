"""Many at once: one does the work, the others see that it is done."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import LockPolicy, Policy, RunSpec
from meshmigrate.engine.events import EventName
from meshmigrate.engine.ledger import log
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.lock import LOCK_KEY
from tests.postgres.databases import database_on
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import Runner
from tests.postgres.servers import Server

StartRunner = Callable[[RunSpec], Runner]


def test_six_runners_at_once_apply_each_file_exactly_once(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Fault 20: on a database without a ledger: it is created once, too."""
    for number in range(1, 9):
        project.migration(str(number), f"CREATE TABLE t{number} (x int)")
    runners = [start_runner(make_spec(project)) for _ in range(6)]
    assert [runner.wait() for runner in runners] == [0] * 6
    outcomes = sorted(runner.result.outcome for runner in runners)
    assert outcomes == [Outcome.SUCCEEDED] + [Outcome.UP_TO_DATE] * 5
    applied = [version for event, version in database.log if event == "Applied"]
    assert applied == [str(number) for number in range(1, 9)]
    assert [event for event, _ in database.log].count("LedgerUpgraded") == 1


@pytest.mark.timeout(120)
def test_twenty_times_six_attempts_at_once_apply_each_file_once(
    server: Server, project: Project
) -> None:
    """Fault 20: whichever comes first, on a new database each time; the log's chain is whole."""
    for number in range(1, 4):
        project.migration(str(number), f"CREATE TABLE t{number} AS SELECT {number} AS x")
    for _ in range(20):
        with database_on(server) as database, ThreadPoolExecutor(6) as pool:
            specs = [make_spec(project) for _ in range(6)]
            outcomes = list(pool.map(lambda spec: attempt(database, spec).outcome, specs))
            assert sorted(outcomes) == [Outcome.SUCCEEDED] + [Outcome.UP_TO_DATE] * 5
            events = [event for event, _ in database.log]
            assert events == ["LedgerUpgraded", "Started", *["Applied"] * 3, "Finished"]
            assert database.versions == ["1", "2", "3"]
            with database.connect() as connection:
                assert log.find_break(Ledger(connection, "meshmigrate")) is None


def test_two_pods_of_one_run_give_one_result(project: Project, start_runner: StartRunner) -> None:
    """Fault 21: the second one finds the run finished and gives the stored result."""
    project.migration("1", "CREATE TABLE a (x int)")
    spec = make_spec(project, run_id=uuid4())
    first, second = start_runner(spec), start_runner(spec)
    assert (first.wait(), second.wait()) == (0, 0)
    assert first.encoded == second.encoded


def test_a_lock_held_elsewhere_ends_in_a_timeout_that_names_the_holder(
    database: Database, project: Project
) -> None:
    """Process id, application name and since when; nothing has been changed."""
    project.migration("1", "SELECT 1")
    policy = Policy(lock=LockPolicy(acquire_timeout_seconds=0.3))
    with database.connect() as holder:
        holder.execute("SET application_name = 'somebody else'")
        pid = holder.info.backend_pid
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        cursor = holder.execute(
            "SELECT to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') FROM pg_stat_activity "
            "WHERE pid = pg_backend_pid()"
        )
        ((since,),) = cursor.fetchall()
        ended = attempt(database, make_spec(project, policy=policy))
    assert ended.outcome is Outcome.LOCK_TIMEOUT
    assert ended.result.reason == Reason.ADVISORY_LOCK_TIMEOUT
    assert f"process {pid} " in ended.result.message
    assert "somebody else" in ended.result.message
    assert f", connected since {since}" in ended.result.message
    assert "somebody else" in ended.messages(EventName.WAITING_FOR_LOCK)[0]
    assert not database.has_ledger


def test_the_lock_is_free_after_every_end(database: Database, project: Project) -> None:
    """Success, failure and refusal give it back before they report."""
    for text in ("SELECT 1", "SELECT 1/0", "SELEKT"):
        project.migration("1", text)
        attempt(database, make_spec(project))
        assert database.lock_holders() == []


def test_the_lock_s_key_is_the_one_that_was_chosen_for_ever(
    database: Database, project: Project
) -> None:
    """Runs with different ledger schemas exclude each other: the key knows none."""
    project.migration("1", "SELECT 1")
    policy = Policy(lock=LockPolicy(acquire_timeout_seconds=0.1))
    with database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(-9046429974063706722)")
        spec = make_spec(project, policy=policy, schema="other")
        assert attempt(database, spec).outcome is Outcome.LOCK_TIMEOUT
