"""The Kubernetes API for many requests at once: what users, the kubelet and controllers do."""

import asyncio
import json
import ssl
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import yaml
from aiohttp import ClientSession, ClientTimeout, TCPConnector

Json = dict[str, Any]

_CONNECTIONS: Final = 64
_REQUEST: Final = ClientTimeout(total=60)
_LONGEST_LINE: Final = 4 << 20
"""Bytes; an event of a watch is one line."""


class ClusterClient:
    """Requests over a few connections that are kept."""

    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Send a request and give the answer; a patch is a merge patch.

        Raises
        ------
        RuntimeError
            If it was refused.
        """
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        content = json.dumps(body) if body is not None else None
        headers = {"Content-Type": kind}
        async with self._session.request(
            method, path, data=content, headers=headers, timeout=_REQUEST
        ) as response:
            text = await response.text()
            if response.status >= 300:  # noqa: PLR2004  RFC 9110: 2xx is success
                raise RuntimeError(f"{method} {path}: {response.status} {text}")
        answer: Json = json.loads(text)
        return answer

    async def watch(self, path: str) -> AsyncGenerator[Json]:
        """Give the events of a collection from now on; what is there already comes first.

        It has no end: the API server ends each watch after some minutes, and one that is read too
        slowly. Where it has forgotten what came since, all that is there comes again as ADDED, and
        what was deleted meanwhile is not told (Kubernetes API concepts, "410 Gone responses").

        Raises
        ------
        RuntimeError
            If it was refused, or failed otherwise.
        """
        while True:
            listed = await self.send("GET", path)
            for item in listed["items"]:
                yield {"type": "ADDED", "object": item}
            version = listed["metadata"]["resourceVersion"]
            async with aclosing(self._watch_since(path, version)) as events:
                async for event in events:
                    yield event

    async def _watch_since(self, path: str, version: str) -> AsyncGenerator[Json]:
        """Give the events after a resource version, until the API server has forgotten them."""
        timeout = ClientTimeout(total=None)
        while True:
            since = f"{path}?watch=1&resourceVersion={version}"
            async with self._session.get(since, timeout=timeout) as response:
                if response.status == HTTPStatus.GONE:
                    return
                if response.status != HTTPStatus.OK:
                    raise RuntimeError(f"watch {path}: {response.status} {await response.text()}")
                async for line in response.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        if event["object"]["code"] == HTTPStatus.GONE:
                            return
                        raise RuntimeError(f"watch {path}: {event['object']}")
                    version = event["object"]["metadata"]["resourceVersion"]
                    yield event


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[ClusterClient]:
    """Connect as the kubeconfig's only user, who has a token."""
    config = yaml.safe_load(await asyncio.to_thread(kubeconfig.read_text))
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = b64decode(cluster["certificate-authority-data"]).decode()
    trust = ssl.create_default_context(cadata=authority)
    async with ClientSession(
        cluster["server"],
        connector=TCPConnector(limit=_CONNECTIONS, ssl=trust),
        headers={"Authorization": f"Bearer {user['token']}"},
        read_bufsize=_LONGEST_LINE,
    ) as session:
        yield ClusterClient(session)
