"""The server dies in the middle of a step: what it did is looked up, or a person is asked."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from tests.postgres.harness import Database, Project, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.servers import Server
from tests.postgres.spare_server import administrator, new_database, restart
from tests.postgres.test_no_transaction import DIRECTIVE, PROCEDURE, decide, marks
from tests.postgres.test_step_crashes import MARKED, is_waiting, writer
from tests.postgres.test_steps import INDEX, TABLE, apply, indexes, journal

Crash = Callable[[Server, Database], None]


@pytest.fixture
def database(spare: Server) -> Database:
    """Give a fresh database on it."""
    return new_database(spare)


def immediate_shutdown(server: Server, _: Database) -> None:
    """Stop it without a checkpoint; recovery follows."""
    restart(server, "immediate")


def killed_backend(server: Server, database: Database) -> None:
    """Kill -9 the runner's server process: all sessions end, and recovery follows."""
    ((pid,),) = database.query(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'meshmigrate:%' "
        "AND datname = current_database()"
    )
    os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        if Path("/proc", str(pid)).exists():
            return False
        try:
            administrator(server).close()
        except Exception:  # noqa: BLE001  whatever a server says that is not back yet
            return False
        return True

    eventually(is_back, "the server has recovered")


CRASHES = pytest.mark.parametrize("crash", [immediate_shutdown, killed_backend])


@CRASHES
def test_in_the_middle_of_create_index_concurrently(
    database: Database, project: Project, tmp_path: Path, crash: Crash
) -> None:
    """Interrupted; the INVALID index is dropped and built, the step before it is not repeated."""
    database.query(TABLE)
    project.migration("1", MARKED + INDEX)
    blocker = writer(database)
    with Runner(tmp_path, database, make_spec(project)) as runner:
        eventually(lambda: is_waiting(database, "CONCURRENTLY"), f"waits; {runner.output}")
        crash(database.server, database)
        assert runner.wait() == Outcome.INTERRUPTED.exit_code
    blocker.close()
    assert indexes(database) == {"i": False}
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert indexes(database) == {"i": True}
    assert marks(database) == [1]


@CRASHES
def test_in_the_middle_of_a_procedure_that_commits(
    database: Database, project: Project, tmp_path: Path, crash: Crash
) -> None:
    """What it committed stays; the run halts until a person has decided."""
    database.query("CREATE TABLE marks (x int);" + PROCEDURE)
    project.migration("1", DIRECTIVE + "CALL p(0);\nINSERT INTO marks VALUES (9)")
    blocker = database.connect()
    blocker.execute("CREATE UNIQUE INDEX ON marks (x)")
    blocker.execute("BEGIN; INSERT INTO marks VALUES (2)")
    with Runner(tmp_path, database, make_spec(project)) as runner:
        eventually(database.waits_for_row, f"is in the second turn; {runner.output}")
        crash(database.server, database)
        assert runner.wait() == Outcome.INTERRUPTED.exit_code
    blocker.close()
    done = apply(database, project)
    assert (done.outcome, done.reason) == (Outcome.HALTED, Reason.STEP_UNKNOWN)
    assert marks(database) == [1]
    assert decide(database, project, "done").outcome is Outcome.SUCCEEDED
    assert apply(database, project).outcome is Outcome.SUCCEEDED
    assert marks(database) == [1, 9]


def test_in_the_middle_of_a_vacuum_that_rewrites(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """Nothing is left of it, and it runs again."""
    database.query(TABLE)
    slow = "CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1'"
    database.query(slow + "; CREATE INDEX ON t (f(b))")
    waits = "PERFORM pg_advisory_xact_lock(4711); RETURN $1; END"
    database.query(
        "CREATE OR REPLACE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql "
        f"AS 'BEGIN {waits}'"
    )
    project.migration("1", MARKED + "VACUUM FULL t")
    gate = database.connect()
    gate.execute("SELECT pg_advisory_lock(4711)")
    with Runner(tmp_path, database, make_spec(project)) as runner:
        eventually(database.waits_at_gate, f"rewrites; {runner.output}")
        restart(database.server, "immediate")
        assert runner.wait() == Outcome.INTERRUPTED.exit_code
    gate.close()
    assert journal(database)[-1][2:4] == (3, "running")
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert marks(database) == [1]
    assert database.scalar("SELECT count(*) FROM t") == 20
