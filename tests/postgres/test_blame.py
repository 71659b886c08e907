"""Who is to blame: the file that did it, and not the one before it, or the ledger."""

import json

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import FingerprintScope, Policy
from meshmigrate.engine.events import Event, EventName
from tests.postgres.harness import ALLOW, Database, Project, attempt, make_spec
from tests.postgres.processes import run_command
from tests.postgres.test_lost_connection import END_SESSION, SUICIDE

BATCH = Policy(transaction_mode="Batch")
REFUSES = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE 'not at the end'; END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON meshmigrate.applied
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.version = '2') EXECUTE FUNCTION refuse()
"""


def test_a_check_that_ends_its_server_fails_the_file_it_belongs_to(
    database: Database, project: Project
) -> None:
    """In a batch too, where another file is reached first."""
    project.migration("1", "CREATE TABLE a (x int)").migration("2", "CREATE TABLE b (x int)")
    project.write("checks/2_c.sql", SUICIDE)
    done = attempt(database, make_spec(project, policy=BATCH)).result
    assert (done.outcome, done.reason) == (Outcome.FAILED, Reason.SERVER_CRASH_SUSPECTED)
    assert done.failure is not None
    assert (done.failure.version, done.failure.file) == ("2", "checks/2_c.sql")


def test_a_commit_that_failed_is_not_looked_up_later(database: Database, project: Project) -> None:
    """It was answered; the connection that is lost afterwards has nothing to do with it."""
    project.migration("0", "SELECT 1", "SELECT 1")
    attempt(database, make_spec(project))
    database.query(REFUSES)
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)")
    ended: list[Event] = []

    def end_session(event: Event) -> None:
        if event.name is EventName.FAILED and not ended:
            ended.append(event)
            database.query(END_SESSION)

    policy = Policy(transaction_mode="PerFile")
    done = attempt(database, make_spec(project, policy=policy), during=end_session)
    assert done.outcome is Outcome.ROLLED_BACK, done.result.message
    assert len(done.messages(EventName.CONNECTION_LOST)) == 1
    assert not [text for text in done.messages(EventName.RECOVERING) if "COMMIT" in text]
    lost = database.query("SELECT message FROM meshmigrate.log WHERE event = 'ConnectionLost'")
    assert lost == [("under way: no statement of a file",)]


@pytest.mark.parametrize(
    "text",
    ["DROP SCHEMA meshmigrate CASCADE", "ALTER TABLE meshmigrate.applied RENAME TO pets"],
)
def test_a_file_that_takes_the_ledger_away_is_named(
    database: Database, project: Project, text: str
) -> None:
    """It is rolled back, and its own fault."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", ALLOW + text)
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.failure is not None
    assert (done.failure.version, done.failure.file) == ("2", "migrations/2_m.sql")
    assert "migrations/2_m.sql changed the ledger" in done.failure.message
    assert database.versions == []


def test_a_schema_to_cover_that_does_not_exist_is_named(
    database: Database, project: Project
) -> None:
    """A proof of nothing would be worth nothing."""
    told = run_command(database, project.root, "fingerprint", "--schema", "pubic")
    assert "there is no schema 'pubic'" in told.stdout
    project.migration("1", "SELECT 1", "SELECT 1")
    database.query('CREATE SCHEMA "O""dd"')
    policy = Policy(fingerprint=FingerprintScope(schemas=("pubic", "public", 'O"dd')))
    done = attempt(database, make_spec(project, policy=policy))
    (message,) = done.messages(EventName.DRIFT)
    assert message.startswith("there is no schema 'pubic'")


def test_a_file_that_changes_nothing_needs_no_rollback_script(
    database: Database, project: Project
) -> None:
    """Known before, and so when the next file fails, and for whoever goes back later."""
    database.query("CREATE TABLE a (x int)")
    project.migration("1", "VACUUM a;\nANALYZE a").migration("2", "SELECT 1/0")
    planned = json.loads(run_command(database, project.root, "plan", "--json").stdout)
    assert planned["rollbackReady"]["ready"] is True
    why = "it changes nothing that would have to be taken back"
    assert planned["pending"][0]["rollback"]["message"] == why
    assert attempt(database, make_spec(project)).outcome is Outcome.ROLLED_BACK
    assert database.versions == []
    project.migration("2", "SELECT 1", "SELECT 1")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    back = run_command(database, project.root, "rollback", "--to", "0")
    assert back.returncode == 0, back.stderr
