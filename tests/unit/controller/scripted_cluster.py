"""A cluster in memory, as far as the operator sees one, with faults placed exactly.

It keeps the JSON that the real API would show, and gives it through the operator's own readers.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID, uuid5

from meshmigrate.controller import names
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.observed import (
    Json,
    Key,
    Observed,
    ObservedEvent,
    ObservedJob,
    ObservedPod,
    ObservedResource,
    observe_event,
    observe_job,
    observe_pod,
    observe_resource,
)
from meshmigrate.controller.port import AlreadyExists, ClusterError, Conflict, NotFound
from meshmigrate.controller.status import Status, dump_status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import (
    DatabaseIdentity,
    FailureDetail,
    Result,
    Versions,
    encode_result,
)

NAMESPACE = "app"
KEY = Key(NAMESPACE, "web")
UID = "6d7d1b0a-6f0e-4f5c-9d5c-1c8f6f6f7a01"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

SPEC: Json = {
    "database": {"url": {"secretKeyRef": {"name": "db", "key": "DATABASE_URL"}}},
    "source": {"configMaps": [{"name": "web-1", "content": "migrations"}]},
    "target": "latest",
    "ledger": {"schema": "meshmigrate"},
    "policy": {
        "onFailure": "Rollback",
        "drift": "Warn",
        "fingerprint": {"ignore": [], "schemas": []},
        "statementTimeoutSeconds": 900,
        "deadlineSeconds": 3600,
        "rollbackDeadlineSeconds": 3600,
        "lock": {"acquireTimeoutSeconds": 300, "tableLockDeadlineSeconds": 600},
        "retry": {"deadlineSeconds": 3600, "afterDeadline": "KeepTrying"},
    },
    "provenance": {},
}

DEFAULT_STATUS: Json = {
    "phase": "Pending",
    "conditions": [
        {
            "type": kind,
            "status": status,
            "reason": "Pending",
            "message": "not seen by the operator yet",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
        for kind, status in (("Ready", "Unknown"), ("Reconciling", "True"))
    ],
}


class Crash(BaseException):
    """The operator process is gone at this very point."""


class Clock:
    """A wall clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """Give the present moment."""
        return self.now

    def pass_time(self, duration: timedelta) -> None:
        """Let time pass."""
        self.now += duration


def resource_body(**changes: Any) -> Json:
    """Give a DatabaseMigration as the API has it right after it was created."""
    body: Json = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {
            "namespace": KEY.namespace,
            "name": KEY.name,
            "uid": UID,
            "resourceVersion": "1",
            "generation": 1,
        },
        "spec": copy.deepcopy(SPEC),
        "status": copy.deepcopy(DEFAULT_STATUS),
    }
    return {**body, **changes}


def make_result(run_id: str, outcome: Outcome, reason: str = "", **changes: Any) -> bytes:
    """Give the termination message of a runner that ended with this outcome."""
    failed = not (outcome.succeeded or outcome.retryable)
    fields: dict[str, Any] = {
        "api_version": 1,
        "run_id": run_id,
        "attempt": 1,
        "outcome": outcome,
        "reason": reason or outcome.value,
        "message": f"the run ended as {outcome}",
        "started_at": "2026-01-02T03:04:06Z",
        "finished_at": "2026-01-02T03:04:08Z",
        "duration_seconds": 2.0,
        "database": DatabaseIdentity(name="app", system_identifier="7"),
        "current_version": "3",
        "applied": Versions(count=3, first="1", last="3") if outcome.succeeded else Versions(),
        "failure": FailureDetail(
            message='relation "t" does not exist',
            hint="Correct the file.",
            version="3",
            file="web-1/3_c.sql",
            line=4,
            column=7,
            sqlstate="42P01",
            statement="ALTER TABLE",
        )
        if failed
        else None,
    }
    return encode_result(Result(**{**fields, **changes}))


@dataclass
class ScriptedCluster:
    """Implements `ClusterPort`; ``crash_at`` is a call, counted from 0, and where to crash."""

    clock: Clock
    crash_at: tuple[int, Literal["before", "after"]] | None = None
    refuse_jobs: str = ""
    image_volumes: bool = True
    resources: dict[Key, Json] = field(default_factory=dict)
    jobs: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, Json] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    told: dict[str, Json] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    created_jobs: list[str] = field(default_factory=list)
    ended_jobs: set[str] = field(default_factory=set)
    version: int = 1

    def apply(self, body: Json) -> None:
        """Create or replace a resource, as a user would."""
        self.resources[KEY] = body
        self._bump(body)

    def edit(self, change: Callable[[Json], None]) -> None:
        """Change a resource, as a user would; a change of the spec is a new generation."""
        body = self.resources[KEY]
        before = copy.deepcopy(body["spec"])
        change(body)
        if body["spec"] != before:
            body["metadata"]["generation"] += 1
        self._bump(body)

    def delete(self) -> None:
        """Delete the resource: gone at once, or marked while it has finalizers."""
        body = self.resources[KEY]
        body["metadata"]["deletionTimestamp"] = format_time(self.clock())
        self._bump(body)
        self._collect(KEY)

    def start_pod(self, job_name: str, *, pod: str = "") -> Json:
        """Let the pod of a Job run."""
        meta = self.jobs[job_name]["spec"]["template"]["metadata"]
        name = pod or f"{job_name}-x"
        self.pods[name] = {
            "metadata": {
                "name": name,
                "namespace": NAMESPACE,
                "uid": f"uid-{name}",
                "labels": {**meta["labels"], "batch.kubernetes.io/job-name": job_name},
                "annotations": dict(meta["annotations"]),
            },
            "status": {
                "phase": "Running",
                "containerStatuses": [
                    {
                        "name": "runner",
                        "state": {"running": {"startedAt": format_time(self.clock())}},
                    }
                ],
            },
        }
        return self.pods[name]

    def waiting_pod(self, job_name: str, reason: str = "ContainerCreating", said: str = "") -> Json:
        """Let the pod of a Job be there without having started."""
        pod = self.start_pod(job_name)
        pod["status"]["phase"] = "Pending"
        pod["status"]["containerStatuses"][0]["state"] = {
            "waiting": {"reason": reason, "message": said}
        }
        return pod

    def end_pod(self, job_name: str, *, exit_code: int, message: bytes = b"") -> None:
        """Let the container of a Job end; the Job does not know yet."""
        pod = self.pods.get(f"{job_name}-x") or self.start_pod(job_name)
        pod["status"]["phase"] = "Succeeded" if exit_code == 0 else "Failed"
        pod["status"]["containerStatuses"][0]["state"] = {
            "terminated": {
                "exitCode": exit_code,
                "reason": "Completed" if exit_code == 0 else "Error",
                "message": message.decode(),
                "startedAt": format_time(self.clock()),
            }
        }

    def end_job(self, job_name: str, kind: str = "Failed", message: str = "") -> None:
        """Let the Job say that it is over."""
        condition = {"type": kind, "status": "True", "message": message}
        self.jobs[job_name]["status"] = {"conditions": [condition]}

    def body(self) -> Json:
        """Give the resource."""
        return self.resources[KEY]

    def observe(self, *, job_refusal: str = "") -> Observed:
        """Give everything as the operator would see it now."""
        uids = {item["metadata"]["uid"] for item in (*self.jobs.values(), *self.pods.values())}
        return Observed(
            resource=observe_resource(copy.deepcopy(self.body())),
            now=self.clock(),
            jobs=tuple(observe_job(job) for job in self.jobs.values()),
            pods=tuple(observe_pod(pod) for pod in self.pods.values()),
            events=tuple(observe_event(event) for event in self.events if event["uid"] in uids),
            job_refusal=job_refusal,
        )

    def show_to(self, cache: Cache) -> None:
        """Bring a cache up to date, as the watches would."""
        for body in self.resources.values():
            cache.put_resource(observe_resource(copy.deepcopy(body)))
        for resource in list(cache.resources()):
            if resource.key not in self.resources:
                cache.drop_resource(resource.key, resource.uid)
        ours = [observe_job(job) for job in self.jobs.values()]
        cache.replace_jobs(KEY, [job for job in ours if job.resource_uid == UID])
        cache.replace_pods(KEY, [observe_pod(pod) for pod in self.pods.values()])

    async def get_resource(self, key: Key) -> ObservedResource | None:
        """Read a resource."""
        self._call("get resource")()
        body = self.resources.get(key)
        return observe_resource(copy.deepcopy(body)) if body else None

    async def count_resources(self) -> int:
        """Count the resources."""
        return len(self.resources)

    async def write_status(self, resource: ObservedResource, status: Status) -> ObservedResource:
        """Replace the status by compare-and-swap."""
        after = self._call(f"write status {status.phase}")
        body = self._current(resource)
        body["status"] = dump_status(status)
        self._bump(body)
        after()
        return observe_resource(copy.deepcopy(body))

    async def set_finalizers(
        self, resource: ObservedResource, finalizers: tuple[str, ...]
    ) -> ObservedResource:
        """Replace the finalizers by compare-and-swap."""
        after = self._call("set finalizers")
        body = self._current(resource)
        body["metadata"]["finalizers"] = list(finalizers)
        self._bump(body)
        self._collect(resource.key)
        after()
        return observe_resource(copy.deepcopy(body))

    async def get_job(self, namespace: str, name: str) -> ObservedJob | None:
        """Read a Job."""
        self._call("get job")()
        job = self.jobs.get(name)
        return observe_job(job) if job and namespace == NAMESPACE else None

    async def list_jobs(self, resource: ObservedResource) -> tuple[ObservedJob, ...]:
        """List the Jobs of a resource."""
        self._call("list jobs")()
        jobs = (observe_job(job) for job in self.jobs.values())
        return tuple(job for job in jobs if job.resource_uid == resource.uid)

    async def create_job(self, manifest: Json) -> ObservedJob:
        """Create a Job."""
        after = self._call("create job")
        name = manifest["metadata"]["name"]
        if self.refuse_jobs:
            raise ClusterError(self.refuse_jobs)
        if name in self.jobs:
            raise AlreadyExists(name)
        job = copy.deepcopy(manifest)
        job["metadata"]["uid"] = str(uuid5(UUID(UID), name))
        job["metadata"]["creationTimestamp"] = format_time(self.clock())
        if not self.image_volumes:
            pod = job["spec"]["template"]["spec"]
            pod["volumes"] = [volume for volume in pod["volumes"] if "image" not in volume]
        self.jobs[name] = job
        self.created_jobs.append(name)
        after()
        return observe_job(job)

    async def delete_job(self, job: ObservedJob) -> None:
        """Delete a Job and its pods."""
        after = self._call("delete job")
        self.jobs.pop(job.name, None)
        for name, pod in list(self.pods.items()):
            if pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == job.name:
                del self.pods[name]
        after()

    async def patch_job(self, job: ObservedJob, patch: Json) -> ObservedJob:
        """Patch a Job's owner and expiry."""
        after = self._call("own job")
        if job.name not in self.jobs:
            raise NotFound(job.name)
        body = self.jobs[job.name]
        body["metadata"].update(patch["metadata"])
        body["spec"].update(patch["spec"])
        after()
        return observe_job(body)

    async def list_pods(self, resource: ObservedResource) -> tuple[ObservedPod, ...]:
        """List the pods of a resource."""
        self._call("list pods")()
        pods = (observe_pod(pod) for pod in self.pods.values())
        return tuple(pod for pod in pods if pod.resource_uid == resource.uid)

    async def list_events(self, namespace: str, object_uid: str) -> tuple[ObservedEvent, ...]:
        """List the events about an object."""
        self._call("list events")()
        about = [e for e in self.events if e["uid"] == object_uid and namespace == NAMESPACE]
        return tuple(observe_event(event) for event in about)

    async def create_event(self, event: Json) -> None:
        """Store an event under its name."""
        after = self._call("create event")
        self.told.setdefault(event["metadata"]["name"], event)
        after()

    def tell(self, uid: str, reason: str, message: str) -> None:
        """Store an event as the kubelet or the Job controller would."""
        moment = format_time(self.clock())
        self.events.append(
            {"uid": uid, "reason": reason, "message": message, "lastTimestamp": moment}
        )

    def _call(self, name: str) -> Callable[[], None]:
        number = len(self.calls)
        self.calls.append(name)
        if self.crash_at == (number, "before"):
            raise Crash(name)

        def after() -> None:
            if self.crash_at == (number, "after"):
                raise Crash(name)

        return after

    def _current(self, resource: ObservedResource) -> Json:
        body = self.resources.get(resource.key)
        if body is None:
            raise NotFound(str(resource.key))
        if body["metadata"]["resourceVersion"] != resource.resource_version:
            raise Conflict(str(resource.key))
        return body

    def _bump(self, body: Json) -> None:
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)

    def _collect(self, key: Key) -> None:
        meta = self.resources[key]["metadata"]
        if "deletionTimestamp" in meta and not meta.get("finalizers"):
            del self.resources[key]
            for name, job in list(self.jobs.items()):
                if job["metadata"].get("ownerReferences"):
                    del self.jobs[name]
