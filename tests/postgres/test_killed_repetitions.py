"""A runner is killed in a statement that is simply done again."""

from collections.abc import Callable

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import RunSpec
from tests.postgres.databases import own_public
from tests.postgres.harness import Database, Project, make_spec
from tests.postgres.processes import Runner
from tests.postgres.test_no_transaction import marks
from tests.postgres.test_step_crashes import MARKED, kill_while_waiting, next_attempt
from tests.postgres.test_steps import TABLE, indexes, journal


@pytest.mark.parametrize(
    ("statement", "in_the_way"),
    [
        ("REINDEX SCHEMA CONCURRENTLY public", "INSERT INTO t VALUES (1)"),
        ("REINDEX DATABASE CONCURRENTLY {database}", "INSERT INTO t VALUES (1)"),
        ("VACUUM t", "LOCK TABLE t IN SHARE UPDATE EXCLUSIVE MODE"),
    ],
)
def test_the_next_attempt_does_it_again_and_leaves_nothing_over(
    database: Database,
    project: Project,
    start_runner: Callable[[RunSpec], Runner],
    statement: str,
    in_the_way: str,
) -> None:
    """Copies of indexes are dropped first; the step before is not repeated."""
    own_public(database)
    database.query(TABLE + "CREATE INDEX j ON t (b)")
    text = statement.format(database=database.name)
    project.migration("1", MARKED + text)
    spec = make_spec(project)
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(in_the_way.encode())
        kill_while_waiting(database, start_runner(spec), statement.split(maxsplit=1)[0])
    assert journal(database)[-1][2:4] == (3, "running")
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert indexes(database) == {"j": True}
    assert marks(database) == [1]
