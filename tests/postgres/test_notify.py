"""The command line tells how a run ended, and ends as it would have ended without."""

import json
from collections.abc import Iterator

import psycopg
import pytest

from meshmigrate.engine.lock import LOCK_KEY
from tests.postgres.commands import in_transaction, started
from tests.postgres.harness import WAIT_AT_GATE, Database, Project, eventually
from tests.postgres.ports import free_port
from tests.postgres.processes import run_command
from tests.scripted.receiver import Receiver, listening

pytestmark = pytest.mark.one_version  # what is told does not depend on the server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a receiver that listens."""
    with listening() as found:
        yield found


STORIES = {
    "Succeeded": ("SELECT 1", 0, "info"),
    "Failed": ("SELECT 1;\nSELECT 1 / 0", 21, "error"),
    "Refused": ("COMMIT", 10, "error"),
}


@pytest.mark.parametrize("outcome", STORIES)
def test_an_end_is_told_once(
    database: Database, project: Project, receiver: Receiver, outcome: str
) -> None:
    """With who asked for it, as CI says; the exit code is the run's."""
    script, code, severity = STORIES[outcome]
    project.migration("1", script)
    file = receiver.channels(project.root)
    ci = {"GITLAB_CI": "true", "GITLAB_USER_LOGIN": "ada", "CI_JOB_URL": "https://ci.example.com/7"}
    done = run_command(database, project.root, "apply", "--notify-config", str(file), **ci)
    assert done.returncode == code
    assert "warning" not in done.stderr
    (event,) = receiver.events
    data = event["data"]
    assert (data["outcome"], data["severity"]) == (outcome, severity)
    assert (data["actor"], data["runUrl"]) == ("ada", "https://ci.example.com/7")
    if outcome == "Failed":
        assert data["place"].endswith("1_m.sql:2:1")
        assert "division by zero" in data["text"]


def test_a_run_that_was_taken_back_is_told(
    database: Database, project: Project, receiver: Receiver
) -> None:
    """The text says how the database is."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a").migration("2", "SELECT 1 / 0")
    file = receiver.channels(project.root)
    options = ("--notify-config", str(file), "--notify", "hook", "--json")
    done = run_command(database, project.root, "apply", *options)
    assert done.returncode == 20
    (event,) = receiver.events
    assert event["type"] == "dev.meshhook.migrations.RolledBack"
    assert event["data"]["runId"] == json.loads(done.stdout)["runId"]
    assert "proven to be as it was before" in event["data"]["text"]
    done = run_command(database, project.root, "rollback", "--to", "0", *options)
    assert [told["data"]["outcome"] for told in receiver.events] == [
        "RolledBack",
        json.loads(done.stdout)["outcome"],
    ]


def told_of(
    database: Database, project: Project, receiver: Receiver, *options: str, **more: str
) -> tuple[int, str, str]:
    """Apply, and give the exit code, and outcome and severity of what was told, once."""
    file = receiver.channels(project.root)
    done = run_command(
        database, project.root, "apply", "--notify-config", str(file), *options, **more
    )
    (event,) = receiver.events
    return done.returncode, event["data"]["outcome"], event["data"]["severity"]


def test_that_there_was_nothing_to_do_is_told(
    database: Database, project: Project, receiver: Receiver
) -> None:
    """A channel may want it, such as one that counts deployments."""
    project.migration("1", "SELECT 1")
    run_command(database, project.root, "apply")
    assert told_of(database, project, receiver) == (0, "UpToDate", "info")


def test_a_run_that_was_left_where_it_failed_is_told(
    database: Database, project: Project, receiver: Receiver
) -> None:
    """Somebody has to look at it."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a").migration("2", "SELECT 1 / 0")
    halted = told_of(database, project, receiver, "--on-failure", "Halt")
    assert halted == (22, "Halted", "error")


def test_a_way_back_that_fails_is_told_as_critical(
    database: Database, project: Project, receiver: Receiver
) -> None:
    """Nothing is worse."""
    project.migration("1", "CREATE TABLE a (x int)", "SELECT 1 / 0").migration("2", "SELECT 1 / 0")
    assert told_of(database, project, receiver) == (23, "RollbackFailed", "critical")


def test_a_run_that_did_not_get_its_turn_is_told(
    database: Database, project: Project, receiver: Receiver
) -> None:
    """Another one has the database."""
    project.migration("1", "SELECT 1")
    with in_transaction(database, f"SELECT pg_advisory_xact_lock({LOCK_KEY})"):
        late = told_of(database, project, receiver, "--acquire-timeout", "0.2")
    assert late == (31, "LockTimeout", "error")


def test_a_server_that_is_away_is_told(
    database: Database, project: Project, receiver: Receiver
) -> None:
    """Nobody listens at its port."""
    project.migration("1", "SELECT 1")
    url = database.url.replace(f":{database.server.port}/", f":{free_port()}/")
    away = told_of(database, project, receiver, MESHMIGRATE_DATABASE_URL=url)
    assert away == (32, "Unreachable", "error")


def test_a_run_that_was_asked_to_stop_is_told_once(
    database: Database,
    project: Project,
    receiver: Receiver,
    gate: psycopg.Connection[tuple[object, ...]],
) -> None:
    """SIGTERM: the open transaction is rolled back, told, and then the process ends."""
    assert not gate.closed
    project.migration("1", "CREATE TABLE marks (x text)").migration("2", WAIT_AT_GATE)
    file = receiver.channels(project.root)
    with started(database, project, "apply", "--notify-config", str(file)) as command:
        eventually(database.waits_at_gate, "the second file waits")
        assert command.stop() == 30
    (event,) = receiver.events
    assert (event["data"]["outcome"], event["data"]["severity"]) == ("Interrupted", "warning")


def test_a_receiver_that_fails_for_a_moment_is_tried_again(
    database: Database, project: Project, receiver: Receiver
) -> None:
    """Three times in all."""
    project.migration("1", "SELECT 1")
    receiver.statuses = [503]
    file = receiver.channels(project.root)
    done = run_command(database, project.root, "apply", "--notify-config", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert len(receiver.events) == 1


def test_one_that_keeps_failing_changes_nothing_but_a_warning(
    database: Database, project: Project, receiver: Receiver
) -> None:
    """It names the channel and not its address."""
    project.migration("1", "SELECT 1")
    receiver.statuses = [500] * 3
    file = receiver.channels(project.root)
    done = run_command(database, project.root, "apply", "--notify-config", str(file))
    assert done.returncode == 0
    assert done.stderr == "warning: channel hook was not told: the webhook answered 500\n"
