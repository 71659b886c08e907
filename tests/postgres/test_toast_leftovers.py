"""REINDEX CONCURRENTLY also copies the index of what is stored beside a table."""

from collections.abc import Callable

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.events import EventName
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.processes import Runner
from tests.postgres.servers import Server
from tests.postgres.spare_server import ALMIGHTY, ORDINARY, new_database
from tests.postgres.test_step_crashes import kill_while_waiting

COPIES = (
    "SELECT i.indexrelid::regclass::text FROM pg_index AS i WHERE NOT i.indisvalid "
    "AND i.indrelid = (SELECT reltoastrelid FROM pg_class WHERE oid = 't'::regclass)"
)


@pytest.fixture(params=[ORDINARY, ALMIGHTY])
def database(request: pytest.FixtureRequest, spare: Server) -> Database:
    """Give a database whose role may look into the system's schemas, or may not."""
    return new_database(spare, request.param)


def test_a_copy_that_a_killed_run_left_is_dropped_or_told(
    database: Database, project: Project, start_runner: Callable[[RunSpec], Runner]
) -> None:
    """Only a superuser may drop it: anybody else is told, and the work is done all the same."""
    database.query("CREATE TABLE t (a text); INSERT INTO t VALUES ('x')")
    project.migration("1", "REINDEX TABLE CONCURRENTLY t")
    spec = make_spec(project)
    with database.connect() as other:
        other.execute("BEGIN; INSERT INTO t VALUES ('y')")
        kill_while_waiting(database, start_runner(spec), "CONCURRENTLY")
    ((copy,),) = database.query(COPIES)
    ended = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert ended.outcome is Outcome.SUCCEEDED, ended.result.message
    told = ended.messages(EventName.LEFTOVER)
    if database.role == ALMIGHTY:
        assert (database.query(COPIES), told) == ([], [])
    else:
        assert database.query(COPIES) == [(copy,)]
        assert len(told) == 1
        assert told[0].endswith(f"a superuser can drop it: DROP INDEX CONCURRENTLY {copy}")
