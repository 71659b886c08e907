"""A real PgBouncer in each of its modes: only a session is a place for a migration."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from tests.postgres.harness import Database, Project, attempt, eventually, make_spec
from tests.postgres.pooler import pooled
from tests.postgres.processes import Runner
from tests.postgres.servers import server_folder
from tests.postgres.test_crash import marks, open_gate, three_files

Behind = Callable[[str], Database]
Gate = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def behind(database: Database) -> Iterator[Behind]:
    """Give a way to put the database behind a pooler of a mode."""
    with ExitStack() as running:

        def start(mode: str) -> Database:
            folder = running.enter_context(server_folder())
            return running.enter_context(pooled(database, mode, folder))

        yield start


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_a_pooler_that_keeps_no_session_is_refused(
    database: Database, project: Project, behind: Behind, mode: str
) -> None:
    """Fault 27: it says which port is meant and which to use; nothing was changed."""
    project.migration("1", "CREATE TABLE a (x int)")
    pooler = behind(mode)
    before = database.dump()
    done = attempt(pooler, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.TRANSACTION_POOLER), done.message
    assert done.outcome.exit_code == 10
    assert f"port {pooler.server.port} " in done.message
    assert done.failure is not None
    assert "port 5432" in done.failure.hint
    assert database.dump() == before
    assert not database.has_ledger


def test_a_pooler_in_session_mode_carries_a_whole_run(
    database: Database, project: Project, behind: Behind
) -> None:
    """Transactions, steps outside of them, a rollback, and the lock is free at the end."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE INDEX CONCURRENTLY i ON a (x)", "DROP INDEX CONCURRENTLY i")
    pooler = behind("session")
    assert attempt(pooler, make_spec(project)).outcome is Outcome.SUCCEEDED
    project.migration("3", "CREATE TABLE b (x int)", "DROP TABLE b")
    project.migration("4", "SELECT 1/0")
    assert attempt(pooler, make_spec(project)).outcome is Outcome.ROLLED_BACK
    assert database.versions == ["1", "2"]
    assert database.lock_holders() == []
    assert attempt(pooler, make_spec(project, target="2")).outcome is Outcome.UP_TO_DATE


def test_a_crash_behind_a_pooler_in_session_mode_is_continued(
    database: Database, project: Project, behind: Behind, tmp_path: Path, gate: Gate
) -> None:
    """The pooler ends the server's session of a client that is gone."""
    three_files(project, waiting="2")
    pooler = behind("session")
    spec = make_spec(project)
    with Runner(tmp_path, pooler, spec) as runner:
        eventually(database.waits_at_gate, "is in version 2")
        runner.kill()
    eventually(lambda: not database.waits_at_gate(), "the server's session ends")
    open_gate(gate)
    again = make_spec(project, run_id=spec.run.id, attempt=2)
    assert attempt(pooler, again).outcome is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]
