"""A cluster in memory: the scripted API, and those who act on it beside the operator.

Users, the kubelet, the Job controller and the garbage collector, each as far as a test lets them.
"""

import copy
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from meshmigrate.controller import names
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.kubernetes_port import KubernetesPort
from meshmigrate.controller.observed import (
    Json,
    Key,
    Observed,
    ObservedJob,
    ObservedPod,
    observe_event,
    observe_job,
    observe_pod,
    observe_resource,
)
from meshmigrate.controller.pod_template import TERMINATION_GRACE_SECONDS
from meshmigrate.controller.port import ClusterError
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import (
    DatabaseIdentity,
    FailureDetail,
    Result,
    Versions,
    encode_result,
)
from meshmigrate.domain.runspec import RunSpec, decode_spec
from tests.scripted.api import ScriptedApi
from tests.scripted.exchange import Request
from tests.scripted.faults import Fault
from tests.scripted.kinds import DEFAULT_STATUS, EVENTS, JOBS, PODS, RESOURCES, Kind, copied
from tests.scripted.transport import ScriptedTransport, requests_over

NAMESPACE = "app"
KEY = Key(NAMESPACE, "web")
UID = "6d7d1b0a-6f0e-4f5c-9d5c-1c8f6f6f7a01"
OTHER_KEY = Key(NAMESPACE, "shop")
"""Another resource, which uses the same Secret unless it is told otherwise."""
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
        "hazards": {"enforce": ["DeletesData"], "allow": []},
        "statementTimeoutSeconds": 900,
        "deadlineSeconds": 3600,
        "rollbackDeadlineSeconds": 3600,
        "lock": {"acquireTimeoutSeconds": 300, "tableLockDeadlineSeconds": 600},
        "retry": {"deadlineSeconds": 3600, "afterDeadline": "KeepTrying"},
    },
    "provenance": {},
}


class Clock:
    """A wall clock that stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        """Give the present moment."""
        return self.now

    def seconds(self) -> float:
        """Give the same as a monotonic clock does."""
        return self.now.timestamp()

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
        "spec": copied(SPEC),
        "status": copied(DEFAULT_STATUS),
    }
    return {**body, **changes}


def other_body(key: Key = OTHER_KEY, *, url_in: str = "db") -> Json:
    """Give another DatabaseMigration as it is right after it was created."""
    body = resource_body()
    uid = str(uuid5(UUID(UID), str(key)))
    body["metadata"] |= {"namespace": key.namespace, "name": key.name, "uid": uid}
    body["spec"]["database"]["url"]["secretKeyRef"]["name"] = url_in
    return body


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


class ScriptedCluster(KubernetesPort):
    """The operator's own port to the scripted API.

    ``faults`` says what becomes of which request, counted from 0; ``fates`` what becomes of every
    request of a name.
    """

    def __init__(self, clock: Clock, *, faults: dict[int, Fault] | None = None) -> None:
        self.clock = clock
        self.api = ScriptedApi(clock)
        self.api.removed = self._collect_garbage
        self.faults = faults or {}
        self.refuse_jobs = ""
        self.fates: dict[str, Fault] = {}
        self.image_volumes = True
        self.logs: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.requests: list[Request] = []
        self.ended_jobs: set[str] = set()
        self.slow_kubelet = False
        """Whether the pod of a container that has not started is still there for a while, too."""
        self.most_at_work = 0
        """How many containers ever ran at the same time."""
        super().__init__(requests_over(ScriptedTransport(self.api, self._fate)), ())

    async def read_log(self, pod: ObservedPod) -> bytes:
        """Read what a pod has written; it is no object of the API."""
        self.calls.append("get log")
        if pod.name not in self.logs:
            raise ClusterError(f"get log of {pod.name}: 403 pods/log is forbidden")
        return self.logs[pod.name]

    @property
    def resources(self) -> dict[Key, Json]:
        """The DatabaseMigrations there are."""
        return {Key(*name): body for name, body in self.api.objects[RESOURCES.plural].items()}

    @property
    def jobs(self) -> MutableMapping[str, Json]:
        """The Jobs by name."""
        return _Named(self.api.objects[JOBS.plural])

    @property
    def pods(self) -> MutableMapping[str, Json]:
        """The pods by name."""
        return _Named(self.api.objects[PODS.plural])

    @property
    def told(self) -> dict[str, Json]:
        """The events about DatabaseMigrations by name: the operator's."""
        events = _Named(self.api.objects[EVENTS.plural]).items()
        return {name: e for name, e in events if e["involvedObject"].get("kind") == names.KIND}

    @property
    def created_jobs(self) -> list[str]:
        """The Jobs that were ever created, in this order."""
        return [
            change.after["metadata"]["name"]
            for change in self.api.changes
            if change.kind is JOBS and change.before is None and change.after is not None
        ]

    async def create_job(self, manifest: Json) -> ObservedJob:
        """Create a Job; an API server without image volumes drops those of it without a word."""
        manifest = copy.deepcopy(manifest)
        if not self.image_volumes:
            pod = manifest["spec"]["template"]["spec"]
            pod["volumes"] = [volume for volume in pod["volumes"] if "image" not in volume]
        return await super().create_job(manifest)

    def apply(self, body: Json) -> None:
        """Create or replace a resource, as a user would."""
        self.api.put(RESOURCES, body)

    def edit(self, change: Callable[[Json], None], key: Key = KEY) -> None:
        """Change a resource, as a user would; a change of the spec is a new generation."""
        body = self.body(key)
        before = copied(body)
        change(body)
        if body["spec"] != before["spec"]:
            body["metadata"]["generation"] += 1
        self.api.put(RESOURCES, body, before)

    def annotate(self, name: str, value: str, key: Key = KEY) -> None:
        """Set an annotation of a resource."""
        self.edit(lambda b: b["metadata"].setdefault("annotations", {}).update({name: value}), key)

    def set_spec(self, key: Key = KEY, **fields: Any) -> None:
        """Change fields of the spec of a resource."""
        self.edit(lambda body: body["spec"].update(copied(fields)), key)

    def delete(self, key: Key = KEY) -> None:
        """Delete a resource: gone at once, or marked while it has finalizers."""
        path = f"{RESOURCES.root}/namespaces/{key.namespace}/{RESOURCES.plural}/{key.name}"
        self.api.answer(Request("DELETE", path))

    def start_pod(self, job_name: str, *, pod: str = "") -> Json:
        """Let the pod of a Job run."""
        meta = self.jobs[job_name]["spec"]["template"]["metadata"]
        name = pod or f"{job_name}-x"
        body: Json = {
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
        self.api.put(PODS, body)
        at_work = ["running" in _state(each) for each in self.pods.values()]
        self.most_at_work = max(self.most_at_work, sum(at_work))
        return body

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
        before = copied(pod)
        pod["status"]["phase"] = "Succeeded" if exit_code == 0 else "Failed"
        pod["status"]["containerStatuses"][0]["state"] = {
            "terminated": {
                "exitCode": exit_code,
                "reason": "Completed" if exit_code == 0 else "Error",
                "message": message.decode(),
                "startedAt": format_time(self.clock()),
            }
        }
        self.api.put(PODS, pod, before)

    def end_going_pod(self, job_name: str, *, exit_code: int = 30, message: bytes = b"") -> None:
        """Let a container that was told to stop end, and its pod be gone."""
        self.end_pod(job_name, exit_code=exit_code, message=message)
        self.api.remove(PODS, self.pods[f"{job_name}-x"])

    def end_job(self, job_name: str, kind: str = "Failed", message: str = "") -> None:
        """Let the Job say that it is over."""
        job = self.jobs[job_name]
        condition = {"type": kind, "status": "True", "message": message}
        before = copied(job)
        job["status"] = {"conditions": [condition]}
        self.api.put(JOBS, job, before)

    def body(self, key: Key = KEY) -> Json:
        """Give a resource."""
        return self.api.objects[RESOURCES.plural][key.namespace, key.name]

    def observe(self, *, job_refusal: str = "") -> Observed:
        """Give everything as the operator would see it now."""
        uids = {item["metadata"]["uid"] for item in (*self.jobs.values(), *self.pods.values())}
        events = self.api.objects[EVENTS.plural].values()
        return Observed(
            resource=observe_resource(self.body()),
            now=self.clock(),
            jobs=tuple(observe_job(job) for job in self.jobs.values()),
            pods=tuple(observe_pod(pod) for pod in self.pods.values()),
            events=tuple(observe_event(e) for e in events if e["involvedObject"]["uid"] in uids),
            job_refusal=job_refusal,
        )

    def show_to(self, cache: Cache) -> None:
        """Bring a cache up to date, as the watches would."""
        for body in self.resources.values():
            cache.put_resource(observe_resource(body))
        jobs = [observe_job(job) for job in self.jobs.values()]
        pods = [observe_pod(pod) for pod in self.pods.values()]
        for uid, key in cache.uids().items():
            if key not in self.resources:
                cache.drop_resource(key, uid)
            cache.replace_jobs(key, [job for job in jobs if job.resource_uid == uid])
            cache.replace_pods(key, [pod for pod in pods if pod.resource_uid == uid])

    def tell(self, uid: str, reason: str, message: str) -> None:
        """Store an event as the kubelet or the Job controller would."""
        number = len(self.api.objects[EVENTS.plural])
        event = {
            "metadata": {"namespace": NAMESPACE, "name": f"event-{number}"},
            "involvedObject": {"uid": uid},
            "reason": reason,
            "message": message,
            "lastTimestamp": format_time(self.clock()),
        }
        self.api.put(EVENTS, event)

    def _fate(self, request: Request) -> Fault | None:
        number, name = len(self.calls), call_name(request)
        self.calls.append(name)
        self.requests.append(request)
        fault = self.faults.get(number)
        if self.refuse_jobs and name == "create job":
            crash = fault is not None and fault.crash
            refused = Fault(done=False, status=403, reason="Forbidden", message=self.refuse_jobs)
            return replace(refused, crash=crash)
        return fault or self.fates.get(name)

    def _collect_garbage(self, kind: Kind, gone: Json) -> None:
        """Remove the Jobs that a resource owns, and the pods of a Job, as they go."""
        meta = gone["metadata"]
        if kind is RESOURCES:
            for job in list(self.jobs.values()):
                owners = job["metadata"].get("ownerReferences", ())
                if any(owner["uid"] == meta["uid"] for owner in owners):
                    self.api.remove(JOBS, job)
        if kind is JOBS:
            for pod in list(self.pods.values()):
                if pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] == meta["name"]:
                    self._end_with_its_job(pod)

    def _end_with_its_job(self, pod: Json) -> None:
        """Tell a container that runs to stop, which takes a while; the pod of another is gone."""
        if "running" not in _state(pod) and not self.slow_kubelet:
            self.api.remove(PODS, pod)
            return
        if "deletionTimestamp" in pod["metadata"]:
            return
        before = copied(pod)
        gone_at = self.clock() + timedelta(seconds=TERMINATION_GRACE_SECONDS)
        pod["metadata"]["deletionTimestamp"] = format_time(gone_at)
        self.api.put(PODS, pod, before)

    def told_to(self, job_name: str) -> RunSpec:
        """Give what the runner of a Job, or of the pod that is left of it, is told."""
        job = self.jobs.get(job_name)
        pod = job["spec"]["template"] if job else self.pods[f"{job_name}-x"]
        return decode_spec(pod["metadata"]["annotations"][names.RUN_SPEC_ANNOTATION].encode())


def _state(pod: Json) -> Json:
    state: Json = pod["status"]["containerStatuses"][0]["state"]
    return state


def call_name(request: Request) -> str:
    """Name a request by what it is to the operator, such as `create job`."""
    if request.path.endswith("/status"):
        return f"write status {(request.body or {})['status']['phase']}"
    of_resource = f"/{names.PLURAL}/" in request.path
    what = request.path.rsplit("/", 1)[-1]
    match request.method:
        case "GET" if what in {"jobs", "pods", "events"}:
            return f"list {what}"
        case "PATCH":
            return "set finalizers" if of_resource else "own job"
        case "POST":
            return f"create {what.removesuffix('s')}"
    return f"{request.method.lower()} {'resource' if of_resource else 'job'}"


class _Named(MutableMapping[str, Json]):
    """The objects of one kind in the one namespace, by name alone."""

    def __init__(self, objects: dict[tuple[str, str], Json]) -> None:
        self._objects = objects

    def __getitem__(self, name: str) -> Json:
        return self._objects[NAMESPACE, name]

    def __setitem__(self, name: str, body: Json) -> None:
        self._objects[NAMESPACE, name] = body

    def __delitem__(self, name: str) -> None:
        del self._objects[NAMESPACE, name]

    def __iter__(self) -> Iterator[str]:
        return iter([name for _, name in self._objects])

    def __len__(self) -> int:
        return len(self._objects)
