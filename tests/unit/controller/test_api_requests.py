"""Requests: the rate, what is tried again, and what an answer means."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from meshmigrate.controller.api_requests import Answer, ApiRequests
from meshmigrate.controller.port import (
    AlreadyExists,
    ClusterError,
    Conflict,
    NotFound,
)
from meshmigrate.controller.token_bucket import TokenBucket


class Answers:
    """A transport that gives prepared answers and keeps the requests."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, str]] = []

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]],
        body: Mapping[str, Any] | None,
        content_type: str,
    ) -> Answer:
        """Give the next answer."""
        del query, body
        self.requests.append((method, path, content_type))
        return self.answers.pop(0)


def answer(status: int, reason: str = "", retry_after: float = 0.0) -> Answer:
    """Give an answer with a Status object."""
    body = {"kind": "Status", "reason": reason, "message": f"it is {status}"}
    return Answer(status, json.dumps(body).encode(), retry_after)


class Sleeps:
    """A sleep that only counts."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Count."""
        self.slept.append(seconds)


def send(
    *answers: Answer, verb: str = "get"
) -> tuple[dict[str, Any], Answers, Sleeps, list[tuple[str, int]]]:
    """Send one request and give everything about it."""
    transport, sleeps = Answers(*answers), Sleeps()
    counted: list[tuple[str, int]] = []
    requests = ApiRequests(
        transport,
        TokenBucket(1000, 1000, sleep=sleeps),
        count=lambda verb, code: counted.append((verb, code)),
        sleep=sleeps,
    )
    return asyncio.run(requests.send(verb, "/x")), transport, sleeps, counted


def test_an_answer_is_given_as_json() -> None:
    """The body of a success."""
    body, _, _, counted = send(Answer(200, b'{"a": 1}'))
    assert body == {"a": 1}
    assert counted == [("get", 200)]


def test_a_patch_is_a_merge_patch() -> None:
    """The content type is said, never guessed."""
    _, transport, _, _ = send(Answer(200, b"{}"), verb="patch")
    assert transport.requests == [("PATCH", "/x", "application/merge-patch+json")]


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_what_may_pass_is_tried_again(status: int) -> None:
    """No answer, too many requests, and errors of the server."""
    body, transport, sleeps, counted = send(answer(status), answer(status), Answer(200, b"{}"))
    assert body == {}
    assert len(transport.requests) == 3
    assert sleeps.slept == [0.1, 0.2]
    assert counted == [("get", status), ("get", status), ("get", 200)]


def test_retry_after_is_respected() -> None:
    """The server says how long, within reason."""
    _, _, sleeps, _ = send(answer(429, retry_after=2), answer(429, retry_after=60), answer(200))
    assert sleeps.slept == [2, 5]


def test_it_ends_after_four_attempts() -> None:
    """The queue takes over then."""
    with pytest.raises(ClusterError, match="503 it is 503"):
        send(*[answer(503)] * 4)


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (404, "NotFound", NotFound),
        (409, "Conflict", Conflict),
        (409, "AlreadyExists", AlreadyExists),
        (403, "Forbidden", ClusterError),
        (422, "Invalid", ClusterError),
        (401, "Unauthorized", ClusterError),
    ],
)
def test_an_error_says_what_can_be_done(
    status: int, reason: str, error: type[ClusterError]
) -> None:
    """Each kind of refusal has its class, and is not tried again."""
    with pytest.raises(error, match=f"get /x: {status} it is {status}"):
        send(answer(status, reason))


def test_the_rate_is_kept() -> None:
    """A burst goes through at once, then requests wait for their turn."""
    now, sleeps = 0.0, Sleeps()
    bucket = TokenBucket(10, 2, clock=lambda: now, sleep=sleeps)

    async def take(count: int) -> None:
        for _ in range(count):
            await bucket.take()

    asyncio.run(take(4))
    assert sleeps.slept == pytest.approx([0.1, 0.2])
    now = 1.0
    asyncio.run(take(1))
    assert len(sleeps.slept) == 2
