"""Requests to the Kubernetes API: one client, one rate, one place for time limits and retries."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.request import getproxies

from aiohttp import ClientConnectionError, ClientPayloadError, ClientTimeout
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration
from msgspec import json

from meshmigrate.controller.port import (
    AlreadyExists,
    ClusterError,
    Conflict,
    NotFound,
    Refused,
)
from meshmigrate.controller.token_bucket import Sleep, TokenBucket

_READ_SECONDS: Final = 5.0
_TIMEOUT: Final = ClientTimeout(total=15, sock_connect=5)
_ATTEMPTS: Final = 4
_FIRST_DELAY_SECONDS: Final = 0.1
_LONGEST_DELAY_SECONDS: Final = 5.0
_RETRYABLE: Final = frozenset({429, 500, 502, 503, 504})
_NO_ANSWER: Final = 0
_OK, _CONFLICT, _NOT_FOUND = 200, 409, 404
_REFUSALS: Final = frozenset({400, 403, 413, 422})
"""The request itself is at fault: as of an event in a namespace that is being deleted (403)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server answered; status 0 if it did not."""

    status: int
    body: bytes
    retry_after: float = 0.0


class Transport(Protocol):
    """One request over the wire."""

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]],
        body: Mapping[str, Any] | None,
        content_type: str,
    ) -> Answer:
        """Send a request; no answer at all is an `Answer` of status 0, never an exception."""
        ...


class ApiRequests:
    """Sends requests within the rate, again where that is safe, and counts them.

    Every write of the operator is safe to repeat: it carries a resource version, a uid or a name
    that only one object can have.
    """

    def __init__(
        self,
        transport: Transport,
        bucket: TokenBucket,
        *,
        count: Callable[[str, int], None],
        sleep: Sleep = asyncio.sleep,
        attempts: int = _ATTEMPTS,
    ) -> None:
        self._transport = transport
        self._bucket = bucket
        self._count = count
        self._sleep = sleep
        self._attempts = attempts

    async def send(
        self,
        verb: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Do a verb of the Kubernetes API (get, list, create, update, patch, delete).

        Raises
        ------
        ClusterError
            Its kinds say what can be done about it.
        """
        method, content_type = _METHODS[verb]
        answer = Answer(_NO_ANSWER, b"")
        for attempt in range(self._attempts):
            await self._bucket.take()
            answer = await self._transport.send(
                method, path, query=query, body=body, content_type=content_type
            )
            self._count(verb, answer.status)
            if answer.status != _NO_ANSWER and answer.status not in _RETRYABLE:
                break
            if attempt < self._attempts - 1:
                delay = _FIRST_DELAY_SECONDS * 2**attempt
                await self._sleep(min(max(delay, answer.retry_after), _LONGEST_DELAY_SECONDS))
        return _read(verb, path, answer)

    async def read(self, path: str, *, query: Sequence[tuple[str, str]]) -> bytes:
        """Get what is no JSON, without a second try and not for long: it can be done without.

        Raises
        ------
        ClusterError
            Its kinds say what can be done about it.
        """
        await self._bucket.take()
        method, content_type = _METHODS["get"]
        answer = Answer(_NO_ANSWER, b"")
        with suppress(TimeoutError):
            async with asyncio.timeout(_READ_SECONDS):
                answer = await self._transport.send(
                    method, path, query=query, body=None, content_type=content_type
                )
        self._count("get", answer.status)
        if answer.status != _OK:
            _read("get", path, answer)
        return answer.body


_METHODS: Final[Mapping[str, tuple[str, str]]] = {
    "get": ("GET", "application/json"),
    "list": ("GET", "application/json"),
    "create": ("POST", "application/json"),
    "update": ("PUT", "application/json"),
    "patch": ("PATCH", "application/merge-patch+json"),
    "delete": ("DELETE", "application/json"),
}


def _read(verb: str, path: str, answer: Answer) -> dict[str, Any]:
    if answer.status == _NO_ANSWER:
        raise ClusterError(f"{verb} {path}: no answer from the API server")
    try:
        body: dict[str, Any] = json.decode(answer.body)
    except ValueError:
        body = {}
    if answer.status < 300:  # noqa: PLR2004  RFC 9110: 2xx is success
        return body
    raise _error(answer.status, body.get("reason", ""))(
        f"{verb} {path}: {answer.status} {body.get('message', '')}".rstrip()
    )


def _error(status: int, reason: str) -> type[ClusterError]:
    if status == _NOT_FOUND:
        return NotFound
    if status == _CONFLICT:
        return AlreadyExists if reason == "AlreadyExists" else Conflict
    return Refused if status in _REFUSALS else ClusterError


@asynccontextmanager
async def kubernetes_transport() -> AsyncIterator[Transport]:
    """Open the Kubernetes client: in a pod by its service account, else by the kubeconfig."""
    configuration = Configuration()
    try:
        config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]  # no types
    except config.ConfigException:
        await config.load_kube_config(  # type: ignore[no-untyped-call]  # no types
            client_configuration=configuration
        )
    async with open_transport(configuration) as transport:
        yield transport


@asynccontextmanager
async def open_transport(configuration: Configuration) -> AsyncIterator[Transport]:
    """Open the Kubernetes client with a configuration that is there already."""
    configuration.retries = None  # ours, which know what is safe to repeat
    # Else a thread looks for a proxy and for ~/.netrc at each request.
    configuration.client_session_kwargs = {"trust_env": bool(getproxies())}
    async with ApiClient(configuration) as client:
        yield _ClientTransport(client)


class _ClientTransport:
    """Sends through `kubernetes.aio`'s client; its typed API would cost 30 MiB (measured)."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]],
        body: Mapping[str, Any] | None,
        content_type: str,
    ) -> Answer:
        method, url, headers, _, form = await self._client.param_serialize(
            method,
            path,
            query_params=list(query),
            header_params={"Accept": "application/json", "Content-Type": content_type},
            auth_settings=["BearerToken"],
        )
        try:
            # The body is plain JSON: the client shall not look for models in each part of it.
            response = await self._client.call_api(
                method, url, headers, body, form, _request_timeout=_TIMEOUT
            )
            content = await response.read()  # type: ignore[no-untyped-call]  # no types
        except (ClientConnectionError, ClientPayloadError, TimeoutError):
            return Answer(_NO_ANSWER, b"")
        return Answer(response.status, content, _seconds(response.headers.get("Retry-After", "")))


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdigit() else 0.0
