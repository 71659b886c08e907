"""What a runner's log does to the status while its pod runs."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from meshmigrate.controller.progress import describe_progress
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import RollbackReady
from meshmigrate.domain.runner_log import LogLine, Progress, encode_line
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import Operator, ends_with, killed

APPLYING = Progress(
    version="3",
    file="web/3_c.sql",
    line=14,
    applied=2,
    total=12,
    statement="ALTER TABLE events ADD COLUMN note text DEFAULT …",
    seconds=41,
    waiting_for="a lock on public.events",
    blockers=("process 4711 'app' (idle in transaction)",),
)
BACK = Progress(
    direction="down", version="2", applied=0, total=2, cause="version 3 failed: division by zero"
)
READY = RollbackReady(ready=True, reason="ScriptUnverified", message="each has a script")
NOT_READY = RollbackReady(ready=False, reason="NoScript", message="version 2: it has no script")


@pytest.fixture
def running(started: Story) -> Story:
    """Give a story whose pod runs."""
    started.cluster.start_pod(started.job)
    started.look()
    asyncio.run(started.operator.read_logs())
    return started


def says(story: Story, progress: Progress | None, **changes: Any) -> None:
    """Let the runner say this, and the operator read it."""
    run = story.status["currentRun"]
    line = LogLine(
        api_version=1,
        time="",
        level="info",
        event="x",
        message="",
        run_id=run["id"],
        attempt=run["attempt"],
        progress=progress,
    )
    story.cluster.logs[f"{story.job}-x"] = encode_line(replace(line, **changes))
    read(story)


def read(story: Story) -> None:
    """Let the logs be read when they are due, and the operator look."""
    story.cluster.clock.pass_time(timedelta(seconds=5))
    asyncio.run(story.operator.read_logs())
    story.look()


@contextmanager
def no_write(story: Story) -> Iterator[None]:
    """Hold the operator to changing nothing."""
    before = len(story.cluster.calls)
    yield
    done = [call for call in story.cluster.calls[before:] if not call.startswith(("get", "list"))]
    assert done == []


def told(story: Story) -> list[tuple[str, str]]:
    """Give the events, in order."""
    return [(event["type"], str(event["reason"])) for event in story.cluster.told.values()]


def test_the_status_says_file_statement_seconds_and_who_is_in_the_way(running: Story) -> None:
    """In fields for programs, and in Ready's message for people."""
    says(running, APPLYING)
    assert running.status["currentRun"]["progress"] == {
        "version": "3",
        "file": "web/3_c.sql",
        "line": 14,
        "applied": 2,
        "total": 12,
        "statement": "ALTER TABLE events ADD COLUMN note text DEFAULT …",
        "seconds": 41,
        "waitingFor": "a lock on public.events",
        "blockers": ["process 4711 'app' (idle in transaction)"],
    }
    assert running.ready()["message"] == (
        "applying 3 of 12: web/3_c.sql:14, ALTER TABLE events ADD COLUMN note text DEFAULT …, "
        "41 s, waits for a lock on public.events held by process 4711 'app' (idle in transaction)"
    )
    assert (running.status["phase"], running.ready()["reason"]) == ("Running", "Running")


def test_what_is_not_new_is_not_written(running: Story) -> None:
    """Whether the runner is quiet, says the same again, or cannot be read."""
    says(running, APPLYING)
    with no_write(running):
        for _ in range(3):
            read(running)
        says(running, APPLYING, time="later", event="y")
        del running.cluster.logs[f"{running.job}-x"]
        read(running)
    assert running.status["currentRun"]["progress"]["version"] == "3"


@pytest.mark.parametrize("change", [{"run_id": "another"}, {"attempt": 2}])
def test_the_log_of_another_attempt_says_nothing(running: Story, change: dict[str, Any]) -> None:
    """A pod may outlive the attempt that is followed."""
    with no_write(running):
        says(running, APPLYING, **change)


def test_an_operator_that_is_restarted_picks_it_up_again(running: Story) -> None:
    """From the log as it is then; one write if something is new, none if not."""
    says(running, APPLYING)
    story = Story(running.cluster, Operator(running.cluster))
    asyncio.run(story.operator.read_logs())
    with no_write(story):
        read(story)
    says(story, replace(APPLYING, seconds=60))
    assert story.status["currentRun"]["progress"]["seconds"] == 60


def test_the_transition_times_stay(running: Story) -> None:
    """Only the message changes: nothing for those who wait for a condition."""
    before = {c["type"]: c["lastTransitionTime"] for c in running.status["conditions"]}
    says(running, APPLYING)
    assert {c["type"]: c["lastTransitionTime"] for c in running.status["conditions"]} == before


def test_a_run_on_its_way_back_says_so_with_its_cause(running: Story) -> None:
    """Phase, reason and one event, a warning; never RolledBack before the end has proven it."""
    says(running, APPLYING)
    says(running, BACK)
    says(running, replace(BACK, applied=1, version="1"))
    assert (running.status["phase"], running.ready()["reason"]) == ("RollingBack", "RollingBack")
    assert running.ready()["message"] == (
        "rolling back 2 of 2: version 1; it goes back because version 3 failed: division by zero"
    )
    assert running.conditions()["Reconciling"] == "True"
    says(running, replace(BACK, applied=2, version="1"))
    assert running.status["phase"] == "RollingBack"
    assert "the schema is being compared" in running.ready()["message"]
    assert told(running) == [("Normal", "RunStarted"), ("Warning", "RollbackStarted")]
    ends_with(Outcome.ROLLED_BACK, "StatementFailed")(running.cluster, running.job)
    running.look()
    assert running.status["phase"] == "RolledBack"


def test_a_way_back_that_was_asked_for_is_no_warning(running: Story) -> None:
    """A target below the current version."""
    says(running, replace(BACK, cause=""))
    assert told(running)[-1] == ("Normal", "RollbackStarted")


def test_rollback_ready_is_known_before_the_first_statement(running: Story) -> None:
    """True says nothing more; False is an event, once."""
    says(running, None, rollback_ready=READY)
    found = next(c for c in running.status["conditions"] if c["type"] == "RollbackReady")
    assert (found["status"], found["reason"]) == ("True", "ScriptUnverified")
    assert told(running) == [("Normal", "RunStarted")]
    with no_write(running):
        says(running, None, rollback_ready=READY)


def test_a_run_that_could_not_be_taken_back_is_told_while_it_runs(running: Story) -> None:
    """Somebody may still want to stop it."""
    says(running, None, rollback_ready=NOT_READY)
    says(running, APPLYING, rollback_ready=NOT_READY)
    assert told(running) == [("Normal", "RunStarted"), ("Warning", "RollbackNotReady")]
    event = list(running.cluster.told.values())[-1]
    assert event["message"] == "version 2: it has no script"


def test_the_progress_ends_with_its_attempt(running: Story) -> None:
    """A lost runner moves nothing; the next one says which attempt it is."""
    says(running, APPLYING)
    killed(running.cluster, running.job)
    running.cluster.end_job(running.job)
    running.look()
    assert "progress" not in running.status["currentRun"]
    running.cluster.start_pod(running.job)
    running.look()
    asyncio.run(running.operator.read_logs())
    says(running, BACK)
    assert running.ready()["message"].startswith("attempt 2: rolling back 1 of 2: version 2")


def test_a_run_that_moves_is_not_stalled_any_more(started: Story) -> None:
    """The database is back after more than the retry deadline: what it does is the truth."""
    started.cluster.edit(lambda body: body["spec"]["policy"]["retry"].update(deadlineSeconds=0))
    started.look()
    ends_with(Outcome.UNREACHABLE, "DatabaseUnreachable")(started.cluster, started.job)
    started.cluster.end_job(started.job)
    started.look()
    assert started.status["phase"] == "Retrying"
    started.cluster.clock.pass_time(timedelta(minutes=13))
    started.look()
    started.cluster.start_pod(started.job)
    started.look()
    asyncio.run(started.operator.read_logs())
    says(started, Progress(waiting_for="the database to answer"))
    assert (started.status["phase"], started.conditions()["Stalled"]) == ("Retrying", "True")
    says(started, APPLYING)
    assert (started.status["phase"], started.conditions()["Stalled"]) == ("Running", "False")


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (
            Progress(waiting_for="the migration lock", blockers=("process 7",)),
            "waits for the migration lock held by process 7",
        ),
        (Progress(version="1", file="a.sql", applied=0, total=1), "applying 1 of 1: a.sql"),
        (Progress(), "looking at what there is to do"),
        (Progress(applied=3, total=3), "3 of 3 applied, the run is being ended"),
        (
            Progress(file="a.sql", line=2, applied=0, total=1, seconds=9, doing="scanning, 40 %"),
            "applying 1 of 1: a.sql:2, 9 s, scanning, 40 %",
        ),
    ],
)
def test_progress_reads_as_a_sentence(progress: Progress, said: str) -> None:
    """Only what is known is said."""
    assert describe_progress(progress) == said
