"""A DatabaseMigration as the operator sees it, reduced to what it decides by."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from msgspec import ValidationError, json
from msgspec.structs import replace

from meshmigrate.controller import names
from meshmigrate.controller.clock import parse_time
from meshmigrate.controller.database_key import database_keys
from meshmigrate.controller.spec import MigrationSpec, parse_spec, spec_hash
from meshmigrate.controller.status import Status, parse_status
from meshmigrate.domain.trace_context import TraceContext

Json = dict[str, Any]

_SPECS: Final = 2048
"""So many are kept: two for each of a thousand runs in flight, some 3 KiB each."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which resource: what the work queue works on."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class ObservedResource:
    """A DatabaseMigration. ``spec`` is None where ``spec_error`` says why.

    ``spec_of_run`` is what the run in flight was started with, and works for to its end.
    """

    key: Key
    uid: str
    resource_version: str
    generation: int
    deleted_at: datetime | None
    finalizers: tuple[str, ...]
    run_request: str
    cancel_request: str
    traceparent: TraceContext | None
    spec: MigrationSpec | None
    spec_hash: str
    spec_error: str
    spec_of_run: MigrationSpec | None
    database_keys: frozenset[str]
    status: Status

    @property
    def deleting(self) -> bool:
        """Whether somebody has deleted it: it is there only until its finalizers are gone."""
        return self.deleted_at is not None

    @property
    def suspended(self) -> bool:
        """Whether no attempt may begin."""
        return self.spec is not None and self.spec.suspend


def observe_resource(body: Json) -> ObservedResource:
    """Read a DatabaseMigration."""
    meta = body["metadata"]
    annotations = meta.get("annotations", {})
    finalizers = tuple(meta.get("finalizers", ()))
    status = _without_told(parse_status(body.get("status")), finalizers)
    spec, hashed, error = _read_spec(json.encode(body.get("spec", {})))
    spec_of_run = _spec_of_run(status, spec)
    key = Key(meta["namespace"], meta["name"])
    deleted_at = meta.get("deletionTimestamp")
    used = spec_of_run or spec
    return ObservedResource(
        key=key,
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        generation=meta.get("generation", 0),
        deleted_at=parse_time(deleted_at) if deleted_at else None,
        finalizers=finalizers,
        run_request=annotations.get(names.RUN_REQUEST_ANNOTATION, ""),
        cancel_request=annotations.get(names.CANCEL_ANNOTATION, ""),
        traceparent=TraceContext.parse(annotations.get(names.TRACEPARENT_ANNOTATION, "")),
        spec=spec,
        spec_hash=hashed,
        spec_error=error,
        spec_of_run=spec_of_run,
        database_keys=database_keys(key.namespace, used.database, status.database)
        if used
        else frozenset(),
        status=status,
    )


def _without_told(status: Status, finalizers: tuple[str, ...]) -> Status:
    """Pass over the events that were told, as the finalizer is gone: it went after that."""
    if names.FINALIZER in finalizers or not status.events:
        return status
    return replace(status, events=tuple(event for event in status.events if not event.guarded))


@lru_cache(maxsize=_SPECS)
def _read_spec(text: bytes) -> tuple[MigrationSpec | None, str, str]:
    """Read a spec, give it with its hash, or with why it cannot be read.

    It is the same at each of the dozen events of a run: what it means is worked out once.
    """
    try:
        spec = parse_spec(json.decode(text))
    except ValidationError as invalid:
        return None, "", str(invalid)
    return spec, spec_hash(spec), ""


def _spec_of_run(status: Status, spec: MigrationSpec | None) -> MigrationSpec | None:
    """Read the copy that the run keeps; one of an older release kept none.

    What is said about the pod is taken as it is now: an edit of that starts no run.
    """
    run = status.current_run
    if run is None:
        return None
    kept = spec if run.spec is None else _read_spec(json.encode(run.spec))[0]
    return replace(kept, job=spec.job) if kept and spec else kept
