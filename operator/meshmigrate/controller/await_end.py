"""Waiting for the end of a run, through whatever happens to the API server meanwhile."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from meshmigrate.controller.api_requests import Answer
from meshmigrate.controller.awaited_run import AwaitedRun, Look, RunEnd

EVERY_SECONDS: Final = 2.0
"""Between two looks: as live as a status that changes every five seconds needs."""


class CannotLook(Exception):
    """The cluster does not show the resource, and waiting would not help."""


class Watcher(Protocol):
    """Shows what is seen while it is waited."""

    def look(self, look: Look) -> None:
        """Show the resource."""
        ...

    def no_answer(self, why: str) -> None:
        """Show that the API server did not answer, and will be asked again."""
        ...


class Waited(NamedTuple):
    """What became of the waiting."""

    end: RunEnd | None
    """None if the end of the run was not seen."""
    deleted: bool
    """Whether that is because the resource is gone."""
    look: Look | None
    """What was seen last."""


async def await_end(
    read: Callable[[], Awaitable[Answer]],
    watcher: Watcher,
    *,
    timeout_seconds: float,
    clock: Callable[[], float],
    pause: Callable[[float], Awaitable[None]],
) -> Waited:
    """Look at a resource until the run that it asks for has ended.

    It is read, not watched: each look stands for itself, so an outage of the API server, a lost
    connection or a change of server needs no care, and the right ``get`` is enough.

    Raises
    ------
    CannotLook
        If there is no such resource, or it may not be read.
    """
    until = clock() + timeout_seconds
    run = AwaitedRun()
    seen: Look | None = None
    while True:
        answer = await _ask(read, max(until - clock(), 1))
        if answer.status == HTTPStatus.OK:
            resource = json.loads(answer.body)
            if run.is_another(resource):
                return Waited(None, deleted=True, look=seen)
            seen = run.look(resource)
            watcher.look(seen)
            if seen.end is not None:
                return Waited(seen.end, deleted=False, look=seen)
        elif answer.status == HTTPStatus.NOT_FOUND and seen is not None:
            return Waited(None, deleted=True, look=seen)
        else:
            watcher.no_answer(_trouble(answer))
        if clock() >= until:
            return Waited(None, deleted=False, look=seen)
        await pause(min(EVERY_SECONDS, until - clock()))


async def _ask(read: Callable[[], Awaitable[Answer]], seconds: float) -> Answer:
    try:
        # Not wait_for: in Python 3.11 that loses a cancellation that comes with the answer.
        async with asyncio.timeout(seconds):
            return await read()
    except TimeoutError:
        return Answer(0, b"")


def _trouble(answer: Answer) -> str:
    """Say why a look showed nothing.

    Raises
    ------
    CannotLook
        If the next one would not show more.
    """
    said = _message(answer)
    match answer.status:
        case HTTPStatus.NOT_FOUND:
            raise CannotLook(f"{said}: apply the resource first; -n NAMESPACE says where it is")
        case HTTPStatus.UNAUTHORIZED:
            raise CannotLook(f"the cluster does not know who asks: {said}; log in again")
        case HTTPStatus.FORBIDDEN:
            raise CannotLook(f"{said}: the verb get on databasemigrations is what it takes")
        case 0:
            return "no answer from the API server"
        case _:
            return f"the API server answers {answer.status} {said}".rstrip()


def _message(answer: Answer) -> str:
    try:
        return str(json.loads(answer.body)["message"])
    except (ValueError, LookupError, TypeError):
        return answer.body.decode(errors="replace").strip()[:200]
