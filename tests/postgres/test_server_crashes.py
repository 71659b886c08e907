"""The server dies in the middle of a step: it is done again, or a person is asked."""

from contextlib import closing
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from tests.postgres.harness import GATE, Database, Project, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.servers import Server
from tests.postgres.spare_server import crash, new_database
from tests.postgres.test_no_transaction import DIRECTIVE, PROCEDURE, Decision, decide, marks
from tests.postgres.test_step_crashes import MARKED
from tests.postgres.test_steps import TABLE, apply


@pytest.fixture
def database(spare: Server) -> Database:
    """Give a fresh database on a server that may be crashed."""
    return new_database(spare)


@pytest.mark.parametrize(("decision", "left"), [("done", [1, 9]), ("retry", [1, 1, 2, 3, 9])])
def test_in_a_procedure_that_commits_the_run_halts_until_somebody_decides(
    database: Database, project: Project, tmp_path: Path, decision: Decision, left: list[int]
) -> None:
    """What it had committed survives the crash; the same attempt connects again and asks."""
    database.query("CREATE TABLE marks (x int); CREATE TABLE turns (x int PRIMARY KEY)")
    turn = "INSERT INTO turns SELECT 1 WHERE i = 2 ON CONFLICT DO NOTHING;\n        INSERT"
    database.query(PROCEDURE.replace("INSERT", turn))
    project.migration("1", f"{DIRECTIVE}CALL p(0);\nINSERT INTO marks VALUES (9)")
    with closing(database.connect()) as other:
        other.execute("BEGIN; INSERT INTO turns VALUES (1)")
        with Runner(tmp_path, database, make_spec(project)) as runner:
            eventually(database.waits_for_row, f"is in the second turn; {runner.output}")
            crash(database.server)
            assert runner.wait() == Outcome.HALTED.exit_code
    assert runner.result.reason == Reason.STEP_UNKNOWN
    assert marks(database) == [1]
    assert decide(database, project, decision).outcome is Outcome.SUCCEEDED
    done = apply(database, project)
    assert done.outcome is Outcome.SUCCEEDED, done.message
    assert marks(database) == left


def test_in_a_vacuum_that_rewrites_it_runs_again(
    database: Database, project: Project, tmp_path: Path
) -> None:
    """Nothing of it is left, and the step before is not repeated."""
    database.query(TABLE)
    function = "FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN {}RETURN $1; END'"
    database.query(f"CREATE {function.format('')}; CREATE INDEX ON t (f(b))")
    waits = f"PERFORM pg_advisory_xact_lock({GATE}); "
    database.query(f"CREATE OR REPLACE {function.format(waits)}")
    project.migration("1", f"{MARKED}VACUUM FULL t")
    with closing(database.connect()) as gate:
        gate.execute(f"SELECT pg_advisory_lock({GATE})".encode())
        with Runner(tmp_path, database, make_spec(project)) as runner:
            eventually(database.waits_at_gate, f"rewrites; {runner.output}")
            crash(database.server)
            assert runner.wait() == 0
    assert marks(database) == [1]
    assert database.scalar("SELECT count(*) FROM t") == 20
