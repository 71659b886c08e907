"""The way to the scripted API within one process: no sockets, and no time passes."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from meshmigrate.controller.api_requests import Answer, ApiRequests
from meshmigrate.controller.token_bucket import TokenBucket
from tests.scripted.api import ScriptedApi
from tests.scripted.exchange import Reply, Request, failure
from tests.scripted.faults import Crash, Fault

Fate = Callable[[Request], Fault | None]


async def at_once() -> None:
    """Let a request go on its way."""


class ScriptedTransport:
    """Implements the operator's `Transport`.

    ``fate`` says what becomes of each request; ``depart`` is awaited before it goes.
    """

    def __init__(
        self, api: ScriptedApi, fate: Fate, *, depart: Callable[[], Awaitable[None]] = at_once
    ) -> None:
        self._api = api
        self._fate = fate
        self._depart = depart

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]],
        body: Mapping[str, Any] | None,
        content_type: str,
    ) -> Answer:
        """Send a request into its fate."""
        del content_type
        await self._depart()
        request = Request(method, path, dict(query), _through_json(body))
        fault = self._fate(request)
        if fault is None:
            return _answer(self._api.answer(request))
        if fault.done:
            self._api.answer(request)
        if fault.crash:
            raise Crash(f"{method} {path}")
        if fault.status == 0:
            return Answer(0, b"")
        said = failure(fault.status, fault.reason, fault.message)
        return _answer(said, retry_after=fault.retry_after)


async def no_sleep(_: float) -> None:
    """Pass over a pause between two attempts."""


def requests_over(transport: ScriptedTransport, *, attempts: int = 4) -> ApiRequests:
    """Give the operator's own requests, never held up."""
    bucket = TokenBucket(1e9, 1e9, sleep=no_sleep)
    return ApiRequests(
        transport, bucket, count=lambda _verb, _code: None, sleep=no_sleep, attempts=attempts
    )


def _through_json(body: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give a body as it is on the wire: what is no JSON fails here as it would there."""
    return json.loads(json.dumps(body)) if body is not None else None


def _answer(reply: Reply, *, retry_after: float = 0.0) -> Answer:
    return Answer(reply.status, json.dumps(reply.body).encode(), retry_after)
