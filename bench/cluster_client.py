"""The Kubernetes API for many requests at once: what users, the kubelet and controllers do."""

import asyncio
import json
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
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

    async def watch(self, path: str) -> AsyncIterator[Json]:
        """Give the events of a collection from now on; what is there already comes first.

        Raises
        ------
        RuntimeError
            If it was refused.
        """
        timeout = ClientTimeout(total=None)
        async with self._session.get(f"{path}?watch=1", timeout=timeout) as response:
            if response.status != HTTPStatus.OK:
                raise RuntimeError(f"watch {path}: {response.status} {await response.text()}")
            async for line in response.content:
                yield json.loads(line)


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
