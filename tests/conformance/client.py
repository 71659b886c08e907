"""A client of the Kubernetes API that adds nothing to it."""

import http.client
import json
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import urlencode

Json = dict[str, Any]


@dataclass(frozen=True)
class Client:
    """Asks one API server; ``namespace`` is the test's own, ``user`` whom it acts for, if any."""

    port: int
    namespace: str
    user: str = ""

    def send(
        self, method: str, path: str, body: Json | None = None, query: Mapping[str, str] = {}
    ) -> tuple[int, Json]:
        """Send a request, give status and body; a patch is a merge patch."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        content = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": kind} | ({"Impersonate-User": self.user} if self.user else {})
        connection.request(method, f"{path}?{urlencode(query)}", content, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text)

    def watch(self, path: str, count: int, *, version: str, selector: str = "") -> list[Json]:
        """Give so many events since a version."""
        with closing(self._events(path, version, selector)) as events:
            return list(islice(events, count))

    def _events(self, path: str, version: str, selector: str) -> Generator[Json, None, None]:
        """Give the events; an answer other than 200 is an event of type ERROR."""
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "15"}
        if selector:
            query["labelSelector"] = selector
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", f"{path}?{urlencode(query)}")
        with closing(connection), connection.getresponse() as answer:
            if answer.status != http.HTTPStatus.OK:
                yield {"type": "ERROR", "object": json.loads(answer.read())}
            for line in answer:
                yield json.loads(line)
