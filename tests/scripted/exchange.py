"""What goes between a client and the API server: requests, replies and watch events."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.scripted.kinds import Json, Kind, copied
from tests.scripted.selectors import Selector


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrives."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Json | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it leaves."""

    status: int
    body: Json


class Refusal(Exception):
    """A request that is answered with a failure."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason

    def reply(self) -> Reply:
        """Give the reply."""
        return failure(self.code, self.reason, str(self))


def failure(code: int, reason: str, message: str) -> Reply:
    """Give a reply of kind Status (Kubernetes API conventions, "Response Status Kind")."""
    said = {"status": "Failure", "code": code, "reason": reason, "message": message}
    return Reply(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, **said})


@dataclass(frozen=True, slots=True)
class Change:
    """A write: what the object was before and after it, None if it was not there."""

    version: int
    kind: Kind
    before: Json | None
    after: Json | None

    def event(self, namespace: str, selector: Selector) -> Json | None:
        """Give the watch event of those who watch what matches; None if they see nothing."""
        was = self.before if seen(self.before, namespace, selector) else None
        now = self.after if seen(self.after, namespace, selector) else None
        if now is not None:
            return {"type": "MODIFIED" if was else "ADDED", "object": now}
        if was is None:
            return None
        last = copied(was)
        last["metadata"]["resourceVersion"] = str(self.version)
        return {"type": "DELETED", "object": last}


def seen(body: Json | None, namespace: str, selector: Selector) -> bool:
    """Say whether those see an object who ask for a namespace (empty: all) and a selection."""
    if body is None:
        return False
    return namespace in {"", body["metadata"]["namespace"]} and selector(body)
