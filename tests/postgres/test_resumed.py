"""What an attempt says that ends before it has taken a run up again."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import Event, EventName
from tests.postgres.harness import Database, Project, attempt, make_spec


class _KilledError(Exception):
    """Ends an attempt as kill -9 does: nothing of ours is done afterwards."""


def test_a_run_that_has_applied_files_is_interrupted_and_not_refused(
    database: Database, project: Project
) -> None:
    """Refused would say that the database is untouched."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    spec = make_spec(project)

    def end(event: Event) -> None:
        if event.name is EventName.APPLIED and event.version == "1":
            raise _KilledError

    with pytest.raises(_KilledError):
        attempt(database, spec, during=end)
    assert database.versions == ["1"]
    database.query("ALTER TABLE meshmigrate.lease RENAME TO pets")
    again = make_spec(project, run_id=spec.run.id, attempt=2)
    done = attempt(database, again).result
    assert (done.outcome, done.reason) == (Outcome.INTERRUPTED, Reason.STATEMENT_FAILED)
    database.query("ALTER TABLE meshmigrate.pets RENAME TO lease")
    third = make_spec(project, run_id=spec.run.id, attempt=3)
    assert attempt(database, third).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2"]


def test_a_run_that_has_not_begun_is_refused(database: Database, project: Project) -> None:
    """Nothing of it is in the ledger."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    database.query("ALTER TABLE meshmigrate.lease RENAME TO pets")
    assert attempt(database, make_spec(project)).outcome is Outcome.REFUSED
