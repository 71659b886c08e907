"""Which right of RBAC a request needs (Kubernetes, Authorization Overview, request attributes)."""

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.scripted.exchange import Request

_PATH = re.compile(
    r"/(?:api/v1|apis/(?P<group>[^/]+)/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<part>[a-z]+))?"
)
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Right(NamedTuple):
    """A verb on a resource or a part of it; ``name`` where it is about one object only."""

    verb: str
    group: str
    resource: str
    name: str = ""

    def covers(self, needed: "Right") -> bool:
        """Say whether who has this right may do what needs another; creating has no name."""
        return self[:3] == needed[:3] and self.name in {"", needed.name}


def right_of(request: Request) -> Right | None:
    """Give the right that a request needs; None if it asks which kinds there are."""
    found = _PATH.fullmatch(request.path)
    if found is None:
        return None
    part = f"/{found['part']}" if found["part"] else ""
    verb, group = _verb(request, found["name"]), found["group"] or ""
    return Right(verb, group, found["plural"] + part, found["name"] or "")


def rights_in(rules: Iterable[dict[str, Any]]) -> set[Right]:
    """Give every single right that the rules of a Role grant."""
    return {
        Right(verb, group, resource, name)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


def _verb(request: Request, name: str | None) -> str:
    if request.method != "GET":
        return _VERBS[request.method]
    if name:
        return "get"
    return "watch" if request.query.get("watch") in {"1", "true"} else "list"
