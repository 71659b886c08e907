"""A connection that is lost in the middle of a batch, or at its COMMIT."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.events import Event, EventName
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.proxy import COMMIT, Fault, Proxy
from tests.postgres.test_crash import marks
from tests.postgres.test_lost_connection import SUICIDE, SUICIDE_ONCE, attempt_with_fault

BATCH = Policy(transaction_mode="Batch")
MARK = "INSERT INTO marks VALUES ('{}');\n"


@pytest.fixture(autouse=True)
def _marks(database: Database) -> None:
    database.query("CREATE TABLE marks (mark text); CREATE SEQUENCE once")


@pytest.mark.parametrize("reaches_server", [True, False])
def test_a_lost_commit_of_a_batch_is_looked_up(
    database: Database, project: Project, reaches_server: bool
) -> None:
    """All of it was committed or none, and in the end each file has run once."""
    project.migration("1", MARK.format("one")).migration("2", MARK.format("two"))
    fault = Fault(COMMIT, after=b"VALUES ('two')", reaches_server=reaches_server)
    done = attempt_with_fault(database, project, fault)
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.result.transaction_mode, done.result.applied.count) == ("Batch", 2)
    word = "was committed" if reaches_server else "was rolled back"
    assert any(word in text for text in done.messages(EventName.RECOVERING))
    assert marks(database) == ["one", "two"]
    assert [version for event, version in database.log if event == "Applied"] == ["1", "2"]


def test_a_session_that_ends_in_a_batch_is_followed_by_another(
    database: Database, project: Project
) -> None:
    """All files run again, as none of them was committed; the plan is told once."""
    project.migration("1", MARK.format("one"))
    project.migration("2", SUICIDE_ONCE.format("once") + MARK.format("two"))
    done = attempt(database, make_spec(project, policy=BATCH))
    assert (done.outcome, done.result.attempt) == (Outcome.SUCCEEDED, 1)
    assert len(done.messages(EventName.CONNECTION_LOST)) == 1
    assert len(done.messages(EventName.PLANNED)) == 1
    assert marks(database) == ["one", "two"]


def test_a_statement_that_ends_its_server_fails_the_batch_with_its_own_file(
    database: Database, project: Project
) -> None:
    """It is not tried a third time, and the file that has it is named although it was not begun."""
    project.migration("1", MARK.format("one"))
    project.migration("2", MARK.format("two") + SUICIDE)
    begun: list[str] = []

    def note(event: Event) -> None:
        if event.name is EventName.APPLYING:
            begun.append(event.version)

    done = attempt(database, make_spec(project, policy=BATCH), during=note)
    assert (done.outcome, done.result.reason) == (Outcome.FAILED, Reason.SERVER_CRASH_SUSPECTED)
    assert done.result.failure is not None
    assert (done.result.failure.version, done.result.failure.line) == ("2", 2)
    assert begun == ["1", "2", "1", "2"]
    assert marks(database) == []
    assert database.versions == []


def test_a_run_whose_beginning_was_not_answered_has_begun(
    database: Database, project: Project
) -> None:
    """What fails afterwards interrupts it: refused would say that the run left no trace."""
    project.migration("1", MARK.format("one"))

    def spoil(event: Event) -> None:
        if event.name is EventName.PLANNED:
            database.query("ALTER TABLE meshmigrate.step RENAME TO pets")

    with Proxy(database) as proxy:
        proxy.fault = Fault(COMMIT, after=b"'Started'", reaches_server=True)
        done = attempt(database, make_spec(project), url=proxy.url, during=spoil)
    assert len(done.messages(EventName.CONNECTION_LOST)) == 1
    assert done.outcome is Outcome.INTERRUPTED
