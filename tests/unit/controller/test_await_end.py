"""Waiting through what an API server may do meanwhile."""

import asyncio
import copy
import json
from typing import Any

import pytest

from meshmigrate.controller.api_requests import Answer
from meshmigrate.controller.await_end import CannotLook, Waited, await_end
from meshmigrate.controller.awaited_run import Look
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story

OUTAGE = Answer(0, b"")
GONE = Answer(404, json.dumps({"message": 'databasemigrations "web" not found'}).encode())


class Screen:
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def look(self, look: Look) -> None:
        """Keep the phase."""
        self.shown.append(look.phase)

    def no_answer(self, why: str) -> None:
        """Keep why."""
        self.shown.append(why)


def found(story: Story, **metadata: Any) -> Answer:
    """Give the resource as it is now."""
    body = copy.deepcopy(story.cluster.body())
    body["metadata"] |= metadata
    return Answer(200, json.dumps(body).encode())


def waited(answers: list[Answer], screen: Screen | None = None) -> Waited:
    """Wait for a minute of pauses that take no time; the last answer stays."""
    seconds = 0.0
    left = list(answers)

    async def read() -> Answer:
        return left.pop(0) if len(left) > 1 else left[0]

    async def pause(duration: float) -> None:
        nonlocal seconds
        seconds += duration

    return asyncio.run(
        await_end(read, screen or Screen(), timeout_seconds=60, clock=lambda: seconds, pause=pause)
    )


def test_it_ends_with_the_run(started: Story) -> None:
    """Everything before is shown."""
    before = found(started)
    started.finish(Outcome.ROLLED_BACK)
    screen = Screen()
    seen = waited([before, found(started)], screen)
    assert seen.end is not None
    assert seen.end.outcome is Outcome.ROLLED_BACK
    assert screen.shown == ["Pending", "RolledBack"]


def test_an_outage_is_survived(started: Story) -> None:
    """Whatever stands in front of the API server may answer nonsense."""
    before = found(started)
    started.finish()
    screen = Screen()
    odd = [OUTAGE, Answer(503, b"<html>"), Answer(500, b"[]"), Answer(429, b'{"message": "busy"}')]
    seen = waited([*odd, before, *odd, found(started)], screen)
    assert seen.end is not None
    assert screen.shown[:4] == [
        "no answer from the API server",
        "the API server answers 503 <html>",
        "the API server answers 500 []",
        "the API server answers 429 busy",
    ]


def test_it_ends_when_its_time_is_over(started: Story) -> None:
    """With what was seen last."""
    seen = waited([found(started)])
    assert (seen.end, seen.deleted) == (None, False)
    assert seen.look is not None
    assert seen.look.phase == "Pending"


def test_nothing_seen_at_all_is_told_as_that() -> None:
    """An API server that never answered."""
    assert waited([OUTAGE]) == Waited(None, deleted=False, look=None)


@pytest.mark.parametrize("again", [False, True])
def test_a_resource_that_is_deleted_meanwhile_ends_it(started: Story, again: bool) -> None:
    """Also if another one of its name is there by then."""
    other = found(started, uid="5b0c2f4e-5a0e-4d53-9d0f-6d1f0c2b7a11")
    seen = waited([found(started), other if again else GONE])
    assert (seen.end, seen.deleted) == (None, True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (GONE, 'databasemigrations "web" not found: apply the resource first'),
        (Answer(401, b'{"message": "Unauthorized"}'), "log in again"),
        (Answer(403, b'{"message": "web is forbidden"}'), "web is forbidden: the verb get"),
    ],
)
def test_what_waiting_does_not_help_ends_it_at_once(answer: Answer, said: str) -> None:
    """With what to do."""
    with pytest.raises(CannotLook, match=said):
        waited([answer])
