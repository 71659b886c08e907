"""A lost connection is no lost run: the same attempt connects again and goes on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from meshmigrate.cli.start import Start
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy, RunSpec
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.run import run
from tests.postgres.harness import (
    Attempt,
    Database,
    Project,
    attempt,
    eventually,
    leap_at,
    make_spec,
)
from tests.postgres.processes import Runner
from tests.postgres.proxy import COMMIT, Fault, Proxy
from tests.postgres.test_crash import Gate, marks, open_gate, three_files

StartRunner = Callable[[RunSpec], Runner]

END_SESSION = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name LIKE 'meshmigrate:%' AND datname = current_database()"
)
SUICIDE = "SELECT pg_terminate_backend(pg_backend_pid());\n"
SUICIDE_ONCE = "SELECT pg_terminate_backend(pg_backend_pid()) WHERE nextval('{}') = 1;\n"
"""A sequence does not go back with a transaction."""


def attempt_with_fault(
    database: Database,
    project: Project,
    fault: Fault,
    *,
    target: str = "latest",
    start: Start = run,
) -> Attempt:
    """Run a project by way of a proxy that fails once."""
    with Proxy(database) as proxy:
        proxy.fault = fault
        done = attempt(database, make_spec(project, target=target), url=proxy.url, start=start)
    assert fault.happened.is_set(), "the fault was never met"
    return done


def test_a_session_ended_mid_statement_is_followed_by_another(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Fault 9: pg_terminate_backend; the file is rolled back and runs again, in one attempt."""
    three_files(project, waiting="2")
    runner = start_runner(make_spec(project))
    eventually(database.waits_at_gate, "is in version 2")
    database.query(END_SESSION)
    eventually(lambda: "connection-lost" in runner.output, "notices")
    eventually(database.waits_at_gate, "is in version 2 again")
    open_gate(gate)
    assert runner.wait() == 0
    assert (runner.result.attempt, runner.result.applied.count) == (1, 3)
    assert marks(database) == ["one", "three", "two"]
    (lost,) = [line for line in runner.lines if line["event"] == "connection-lost"]
    assert "connecting again in" in lost["message"]
    assert ("ConnectionLost", "2") in database.log
    assert [event for event, _ in database.log].count("Resumed") == 0


def test_a_reset_connection_is_followed_by_another(
    database: Database, project: Project, gate: Gate
) -> None:
    """Fault 9: the network cuts; the server ends the old session, whose lock is waited for."""
    three_files(project, waiting="2")
    with Proxy(database) as proxy, ThreadPoolExecutor(1) as background:
        running = background.submit(attempt, database, make_spec(project), url=proxy.url)
        eventually(database.waits_at_gate, "is in version 2")
        proxy.cut()
        eventually(lambda: proxy.accepted > 1, "connects again")
        open_gate(gate)
        assert running.result().outcome is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]


def test_a_commit_whose_answer_is_lost_is_not_done_twice(
    database: Database, project: Project
) -> None:
    """Fault 5: the file was committed; the history row and the transaction's status say so."""
    three_files(project)
    done = attempt_with_fault(database, project, Fault(COMMIT, after=b"VALUES ('two')"))
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.result.attempt, done.result.applied.count) == (1, 3)
    assert marks(database) == ["one", "three", "two"]
    assert any("was committed" in text for text in done.messages(EventName.RECOVERING))
    assert [version for event, version in database.log if event == "Applied"] == ["1", "2", "3"]


def test_a_commit_that_did_not_arrive_is_done_again(database: Database, project: Project) -> None:
    """Fault 5: the server rolled the file back, so it runs again."""
    three_files(project)
    fault = Fault(COMMIT, after=b"VALUES ('two')", reaches_server=False)
    done = attempt_with_fault(database, project, fault)
    assert done.outcome is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]
    assert any("was rolled back" in text for text in done.messages(EventName.RECOVERING))


@pytest.mark.parametrize("reaches_server", [True, False])
def test_the_commit_of_the_run_s_end_may_be_lost(
    database: Database, project: Project, *, reaches_server: bool
) -> None:
    """Fault 5: the stored result is given out, or the end is written again."""
    three_files(project)
    fault = Fault(COMMIT, after=b"SET finished_at", reaches_server=reaches_server)
    done = attempt_with_fault(database, project, fault)
    assert done.outcome is Outcome.SUCCEEDED
    rows = database.query("SELECT outcome, attempt FROM meshmigrate.run")
    assert rows == [("Succeeded", 1)]
    assert [event for event, _ in database.log].count("Finished") == 1
    assert database.lock_holders() == []


@pytest.mark.parametrize("reaches_server", [True, False])
def test_the_commit_of_a_rollback_script_may_be_lost(
    database: Database, project: Project, *, reaches_server: bool
) -> None:
    """Fault 5 on the way back: it is taken back once, and proven."""
    three_files(project, third="SELECT 1 / 0")
    project.migration("1", "CREATE TABLE marks (mark text)", "DROP TABLE marks;")
    fault = Fault(COMMIT, after=b"mark = 'two'", reaches_server=reaches_server)
    done = attempt_with_fault(database, project, fault)
    assert done.outcome is Outcome.ROLLED_BACK
    assert (done.result.rolled_back.count, done.result.rolled_back.last) == (2, "1")


def test_the_first_message_may_be_the_last(database: Database, project: Project) -> None:
    """Nothing is known yet and nothing has begun; it begins on the next connection."""
    three_files(project)
    done = attempt_with_fault(database, project, Fault(b"pg_try_advisory_lock"))
    assert done.outcome is Outcome.SUCCEEDED
    assert [event for event, _ in database.log].count("Started") == 1


def test_a_lost_lease_answer_is_known_again(database: Database, project: Project) -> None:
    """The lease was taken under this process's own token: that is not somebody else's."""
    three_files(project)
    done = attempt_with_fault(database, project, Fault(COMMIT, after=b"SET epoch = l.epoch + 1"))
    assert done.outcome is Outcome.SUCCEEDED


def test_a_statement_that_ends_its_server_is_not_tried_a_third_time(
    database: Database, project: Project
) -> None:
    """In flight at two lost connections in a row: ServerCrashSuspected, and the policy applies."""
    project.migration("1", "CREATE TABLE t (x int)", "DROP TABLE t")
    project.migration("2", "CREATE TABLE u (x int);\n" + SUICIDE)
    done = attempt(database, make_spec(project))
    assert done.outcome is Outcome.ROLLED_BACK
    failure = done.result.failure
    assert failure is not None
    assert (done.result.reason, failure.line) == (Reason.SERVER_CRASH_SUSPECTED, 2)
    assert len(done.messages(EventName.CONNECTION_LOST)) == 2
    lost = database.query("SELECT message FROM meshmigrate.log WHERE event = 'ConnectionLost'")
    assert len(set(lost)) == 1
    assert "2_m.sql:2:1 (SELECT)" in lost[0][0]
    assert database.versions == []


def test_a_suspected_statement_is_counted_over_attempts(
    database: Database, project: Project
) -> None:
    """A row of the log remembers it: the next process tries once, not twice."""
    project.migration("1", SUICIDE)
    spec = make_spec(project)

    def stop_at_second(event: Event) -> None:
        if event.name is EventName.CONNECTION_LOST and lost_rows(database):
            raise _KilledError

    with pytest.raises(_KilledError):
        attempt(database, spec, during=stop_at_second)
    assert lost_rows(database) == 1
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert done.result.reason == Reason.SERVER_CRASH_SUSPECTED
    assert len(done.messages(EventName.CONNECTION_LOST)) == 1


class _KilledError(Exception):
    """The process ends here."""


def lost_rows(database: Database) -> int:
    """Count the lost connections in the log."""
    if not database.has_ledger:
        return 0
    return [event for event, _ in database.log].count("ConnectionLost")


def test_different_statements_under_way_are_bad_luck(database: Database, project: Project) -> None:
    """Each ends its session once: two lost connections, and no suspicion."""
    project.migration("0", "CREATE SEQUENCE one; CREATE SEQUENCE two; CREATE SEQUENCE three")
    project.migration("1", SUICIDE_ONCE.format("one") + SUICIDE_ONCE.format("two"))
    project.migration("2", SUICIDE_ONCE.format("three"))
    done = attempt(database, make_spec(project, policy=Policy(transaction_mode="PerFile")))
    assert done.outcome is Outcome.SUCCEEDED
    assert len(done.messages(EventName.CONNECTION_LOST)) == 3
    assert database.versions == ["0", "1", "2"]


def test_a_stop_while_waiting_to_connect_again_is_heeded(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Fault 32 in back-off: exit 30, resumable."""
    three_files(project, waiting="2")
    spec = make_spec(project)
    runner = start_runner(spec)
    eventually(database.waits_at_gate, "is in version 2")
    database.query(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 0')
    database.query(END_SESSION, superuser=True)
    eventually(lambda: "waiting-for-server" in runner.output, "cannot connect")
    runner.terminate()
    assert runner.wait() == 30
    assert runner.result.reason == Reason.TERMINATED
    database.query(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT -1', superuser=True)
    open_gate(gate)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert done.outcome is Outcome.SUCCEEDED


def test_the_deadline_ends_the_waiting(database: Database, project: Project) -> None:
    """Not reached again before deadlineSeconds: Unreachable, and the next attempt goes on."""
    project.migration("1", "CREATE TABLE t (x int)")
    project.migration("2", SUICIDE)
    spec = make_spec(project, policy=Policy(deadline_seconds=3600))

    def close(event: Event) -> None:
        if event.name is EventName.APPLYING and event.version == "2":
            database.query(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT 0', superuser=True)

    leap = leap_at(EventName.CONNECTION_LOST, 3600)
    done = attempt(database, spec, during=close, leap=leap).result
    database.query(f'ALTER DATABASE "{database.name}" CONNECTION LIMIT -1', superuser=True)
    assert done.outcome is Outcome.UNREACHABLE
    assert "could not be reached again within 3600 s" in done.message
    assert done.database is None, "what was committed could not be looked up again"
    project.migration("2", "SELECT 2")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
