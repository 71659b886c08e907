"""The Kubernetes API in memory, as far as the operator uses it.

What it does is held to what the real API server does by tests/conformance.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, uuid5

from meshmigrate.controller.clock import format_time, utc_now
from tests.scripted.exchange import Change, Refusal, Reply, Request, failure, seen
from tests.scripted.kinds import (
    DEFAULT_STATUS,
    KINDS,
    PODS,
    RESOURCES,
    Json,
    Kind,
    Place,
    copied,
    find_place,
)
from tests.scripted.selectors import selector_of

_FIRST_VERSION = 100
"""What was before that, no watch can be told any more."""
_POD_GRACE_SECONDS = 30
_ASSIGNED = (
    *("name", "namespace", "uid", "creationTimestamp"),
    *("deletionTimestamp", "generation", "resourceVersion"),
)
"""Metadata that is the server's alone."""


class ScriptedApi:
    """The objects and their history; `answer` is what a client sees of it.

    ``changed`` is notified of every change, and its lock is held while one is made. ``removed``
    is told of every object that is gone: for whoever plays the garbage collector.
    """

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self.now = now
        self.objects: dict[str, dict[tuple[str, str], Json]] = {kind.plural: {} for kind in KINDS}
        self.changes: list[Change] = []
        self.changed = threading.Condition()
        self.version = self.oldest = _FIRST_VERSION
        self.removed: Callable[[Kind, Json], None] = lambda _kind, _body: None

    def answer(self, request: Request) -> Reply:
        """Do what is asked."""
        place = find_place(request.path)
        if place is None:
            return failure(404, "NotFound", "the server could not find the requested resource")
        with self.changed:
            try:
                return self._answer(request, place)
            except Refusal as refusal:
                return refusal.reply()

    def put(self, kind: Kind, body: Json, before: Json | None = None) -> Json:
        """Store an object as a new version; one that is as before stays what it is."""
        with self.changed:
            if body != before:
                self.version += 1
                body["metadata"]["resourceVersion"] = str(self.version)
                self.objects[kind.plural][_name(body)] = body
                self._note(kind, before, body)
            return copied(body)

    def remove(self, kind: Kind, body: Json) -> None:
        """Remove an object."""
        with self.changed:
            self.version += 1
            self.objects[kind.plural].pop(_name(body), None)
            self._note(kind, body, None)
            self.removed(kind, body)

    def _note(self, kind: Kind, before: Json | None, after: Json | None) -> None:
        change = Change(self.version, kind, before and copied(before), after and copied(after))
        self.changes.append(change)
        self.changed.notify_all()

    def forget_history(self) -> None:
        """Compact: a watch from before this moment is too old."""
        with self.changed:
            self.oldest = self.version
            self.changes.clear()
            self.changed.notify_all()

    def _answer(self, request: Request, place: Place) -> Reply:
        body = copied(request.body or {})
        match request.method, bool(place.name):
            case "GET", False:
                return Reply(200, self._list(place, request.query))
            case "POST", False:
                return Reply(201, self._create(place, body))
            case "GET", True:
                return Reply(200, copied(self._current(place)))
            case "PUT", True:
                return Reply(200, self._update(place, body, patched=False))
            case "PATCH", True:
                merged = merge_patch(self._current(place), body)
                return Reply(200, self._update(place, merged, patched=True))
            case "DELETE", True:
                return Reply(200, self._delete(place, body))
        raise Refusal(405, "MethodNotAllowed", f"{request.method} is not supported here")

    def _list(self, place: Place, query: Mapping[str, str]) -> Json:
        selector = selector_of(query)
        found = sorted(self.objects[place.kind.plural].items())
        items = [body for _, body in found if seen(body, place.namespace, selector)]
        start = int(query.get("continue") or 0)
        end = start + int(query.get("limit") or len(items))
        meta: Json = {"resourceVersion": str(self.version)}
        if end < len(items):
            meta["continue"] = str(end)
            if not {"labelSelector", "fieldSelector"} & set(query):
                meta["remainingItemCount"] = len(items) - end
        return {
            "kind": f"{place.kind.kind}List",
            "apiVersion": place.kind.api_version,
            "metadata": meta,
            "items": [copied(body) for body in items[start:end]],
        }

    def _create(self, place: Place, body: Json) -> Json:
        kind, meta = place.kind, body["metadata"]
        key = (place.namespace, meta["name"])
        if key in self.objects[kind.plural]:
            said = f'{kind.full_name} "{meta["name"]}" already exists'
            raise Refusal(409, "AlreadyExists", said)
        meta["namespace"] = place.namespace
        meta["uid"] = str(uuid5(NAMESPACE_URL, f"{kind.plural}/{key}/{self.version}"))
        meta["creationTimestamp"] = format_time(self.now())
        if kind.has_generation:
            meta["generation"] = 1
        if kind is RESOURCES:
            body["status"] = copied(DEFAULT_STATUS)
        elif kind.has_status:
            body["status"] = {"phase": "Pending"} if kind is PODS else {}
        return self.put(kind, body)

    def _update(self, place: Place, body: Json, *, patched: bool) -> Json:
        current = self._current(place)
        meta, own = body.get("metadata", {}), current["metadata"]
        same = meta.get("uid", own["uid"]) == own["uid"]
        if not same and not patched:
            raise self._conflict(place, f"the UID in the precondition is not {own['uid']}")
        version = meta.get("resourceVersion")
        if version is None:
            said = "metadata.resourceVersion: must be specified for an update"
            raise Refusal(422, "Invalid", said)
        if version != own["resourceVersion"]:
            raise self._conflict(place, "the object has been modified")
        if not same:
            raise Refusal(422, "Invalid", "metadata.uid: field is immutable")
        after = _changed(place, current, body)
        added = set(after["metadata"].get("finalizers", ())) - set(own.get("finalizers", ()))
        if "deletionTimestamp" in own and added:
            said = "metadata.finalizers: no new finalizers can be added while it is being deleted"
            raise Refusal(422, "Invalid", said)
        gone = "deletionTimestamp" in own and not after["metadata"].get("finalizers")
        if gone:
            self.remove(place.kind, current)
            return after
        return self.put(place.kind, after, current)

    def _delete(self, place: Place, options: Json) -> Json:
        current = self._current(place)
        uid = current["metadata"]["uid"]
        if options.get("preconditions", {}).get("uid", uid) != uid:
            raise self._conflict(place, f"the UID in the precondition is not {uid}")
        grace = _grace(place.kind, current, options)
        if current["metadata"].get("finalizers") or grace:
            after = copied(current)
            if "deletionTimestamp" not in after["metadata"]:
                gone_at = self.now() + timedelta(seconds=grace)
                after["metadata"]["deletionTimestamp"] = format_time(gone_at)
                if place.kind.has_generation:
                    after["metadata"]["generation"] += 1
                if place.kind is PODS:
                    after["metadata"]["deletionGracePeriodSeconds"] = grace
            return self.put(place.kind, after, current)
        if current["metadata"].get("deletionGracePeriodSeconds"):
            ended = copied(current)
            ended["metadata"]["deletionGracePeriodSeconds"] = 0
            current = self.put(place.kind, ended, current)
        self.remove(place.kind, current)
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _current(self, place: Place) -> Json:
        body = self.objects[place.kind.plural].get((place.namespace, place.name))
        if body is None:
            said = f'{place.kind.full_name} "{place.name}" not found'
            raise Refusal(404, "NotFound", said)
        return body

    @staticmethod
    def _conflict(place: Place, why: str) -> Refusal:
        said = f'Operation cannot be fulfilled on {place.kind.full_name} "{place.name}": {why}'
        return Refusal(409, "Conflict", said)


def merge_patch(target: Json, patch: Json) -> Json:
    """Merge as RFC 7386 says: null removes, lists are replaced."""
    merged = copied(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            inner = merged.get(name)
            merged[name] = merge_patch(inner if isinstance(inner, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _changed(place: Place, current: Json, body: Json) -> Json:
    """Take over what may be written here: the status only, or all but the status."""
    kind = place.kind
    if place.status:
        return {**copied(current), "status": body.get("status", {})}
    after = {**body, "metadata": dict(body.get("metadata", {}))}
    own = current["metadata"]
    after["metadata"] |= {name: own[name] for name in _ASSIGNED if name in own}
    if kind.has_status:
        after["status"] = copied(current.get("status", {}))
    if kind.has_generation and after.get("spec") != current.get("spec"):
        after["metadata"]["generation"] += 1
    return after


def _grace(kind: Kind, body: Json, options: Json) -> int:
    """Give the seconds that a node has to end a pod of its own; nothing else has any."""
    if kind is not PODS or not body.get("spec", {}).get("nodeName"):
        return 0
    own = body["spec"].get("terminationGracePeriodSeconds", _POD_GRACE_SECONDS)
    seconds: int = options.get("gracePeriodSeconds", own)
    return seconds


def _name(body: Json) -> tuple[str, str]:
    return body["metadata"]["namespace"], body["metadata"]["name"]
