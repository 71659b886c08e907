"""A statement in flight at two crashes is not run a third time, whoever was there to see them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.proxy import Fault, Proxy
from tests.postgres.servers import Server
from tests.postgres.spare_server import crash, new_database

PER_FILE = Policy(transaction_mode="PerFile")


class Deadly(Fault):
    """Loses the connection each time that a message comes by."""

    times = 0

    def is_in(self, data: bytes) -> bool:
        """Count it."""
        found = self.message in data
        self.times += found
        return found


def test_one_of_many_statements_in_a_message_is_run_twice_and_no_more(
    database: Database, project: Project
) -> None:
    """The first time nobody knows which of them it was; the second time it is alone."""
    database.query("CREATE TABLE marks (mark text)")
    line = "INSERT INTO marks VALUES ('one');\n"
    project.migration("1", line * 8 + line.replace("one", "deadly") + line * 3)
    with Proxy(database) as proxy:
        proxy.fault = deadly = Deadly(b"VALUES ('deadly'", reaches_server=False)
        done = attempt(database, make_spec(project), url=proxy.url).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.SERVER_CRASH_SUSPECTED)
    assert done.failure is not None
    assert done.failure.line == 9
    assert deadly.times == 2
    lost = database.query("SELECT message FROM meshmigrate.log WHERE event = 'ConnectionLost'")
    assert "1_m.sql" in lost[0][0]
    assert lost[1] == ("under way: migrations/1_m.sql:9:1 (INSERT)",)


@pytest.fixture
def doomed(spare: Server) -> Database:
    """Give a database on a server that may be crashed."""
    return new_database(spare)


@pytest.fixture
def kill_with_server(
    doomed: Database,
) -> Callable[[Runner], None]:
    """Give a way to end a runner and its server at once, while a statement sleeps."""

    def end(runner: Runner) -> None:
        sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        eventually(lambda: doomed.query(sleeping), f"sleeps; {runner.output}")
        # A commit that waits for the disk takes what was committed before along.
        doomed.query("SELECT pg_logical_emit_message(true, 'test', 'flush')")
        runner.kill()
        crash(doomed.server)

    return end


def test_a_runner_killed_with_its_server_counts(
    doomed: Database,
    project: Project,
    tmp_path: Path,
    kill_with_server: Callable[[Runner], None],
) -> None:
    """Nobody could write down what was under way; that the server crashed shows afterwards."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "SELECT pg_sleep(60)", "SELECT 1")
    spec = make_spec(project, policy=PER_FILE)
    for number in (1, 2):
        again = make_spec(project, run_id=spec.run.id, attempt=number, policy=PER_FILE)
        with Runner(tmp_path, doomed, again) as runner:
            kill_with_server(runner)
    done = attempt(doomed, make_spec(project, run_id=spec.run.id, attempt=3, policy=PER_FILE))
    assert (done.outcome, done.result.reason) == (
        Outcome.ROLLED_BACK,
        Reason.SERVER_CRASH_SUSPECTED,
    )
    assert done.result.failure is not None
    assert done.result.failure.file == "migrations/2_m.sql"
    lost = doomed.query("SELECT message FROM meshmigrate.log WHERE event = 'ConnectionLost'")
    assert lost == [("under way: not known, as the runner ended with the server",)] * 2


def test_of_files_that_share_a_transaction_none_is_named_where_nobody_saw_which(
    doomed: Database,
    project: Project,
    tmp_path: Path,
    kill_with_server: Callable[[Runner], None],
) -> None:
    """The first of them is no more suspect than the others; the way to find out is."""
    batch = Policy(transaction_mode="Batch")
    project.migration("1", "CREATE TABLE a (x int)").migration("2", "SELECT pg_sleep(60)")
    spec = make_spec(project, policy=batch)
    for number in (1, 2):
        again = make_spec(project, run_id=spec.run.id, attempt=number, policy=batch)
        with Runner(tmp_path, doomed, again) as runner:
            kill_with_server(runner)
    last = make_spec(project, run_id=spec.run.id, attempt=3, policy=batch)
    done = attempt(doomed, last).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.SERVER_CRASH_SUSPECTED)
    assert "one of the files migrations/1_m.sql to migrations/2_m.sql" in done.message
    assert done.failure is not None
    assert done.failure.file == ""
    assert "PerFile" in done.failure.hint


def test_a_runner_killed_alone_does_not(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """The server was there all the time: the statement is no suspect."""
    project.migration("1", "SELECT pg_sleep(60)")
    spec = make_spec(project)
    sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    for number in (1, 2):
        again = make_spec(project, run_id=spec.run.id, attempt=number)
        with Runner(tmp_path, database, again) as runner:
            eventually(lambda: database.query(sleeping), "sleeps")
            runner.kill()
        eventually(lambda: not database.lock_holders(), "the server has noticed")
    project.migration("1", "SELECT 1")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert ("ConnectionLost", None) not in database.log
