"""What the operator sees: resources, Jobs, pods and events, reduced to what it decides by.

The functions read the JSON of the Kubernetes API, whether a watch or a request brought it.
"""

from dataclasses import dataclass
from datetime import datetime

from meshmigrate.controller import names
from meshmigrate.controller.admission import Denial
from meshmigrate.controller.clock import parse_time
from meshmigrate.controller.event import EventId
from meshmigrate.controller.mounts import SOURCE_VOLUME
from meshmigrate.controller.notification import Receipt
from meshmigrate.controller.observed_resource import (
    Json,
    Key,
    ObservedResource,
    observe_resource,
)
from meshmigrate.domain.runner_log import LogLine
from meshmigrate.observe.notifications.channels import NO_CHANNELS, Channels

__all__ = [
    "ContainerEnd",
    "Json",
    "Key",
    "Observed",
    "ObservedEvent",
    "ObservedJob",
    "ObservedPod",
    "ObservedResource",
    "observe_event",
    "observe_job",
    "observe_pod",
    "observe_resource",
]


@dataclass(frozen=True, slots=True)
class ObservedJob:
    """The Job of an attempt; ``over`` if nothing of it runs, ``has_source`` if it has the files."""

    namespace: str
    name: str
    uid: str
    resource: Key
    resource_uid: str
    run_number: int
    attempt: int
    created_at: datetime
    over: bool
    over_message: str
    deleting: bool
    owned: bool
    has_source: bool
    settings: str


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """How the runner's container ended."""

    exit_code: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ObservedPod:
    """A pod of an attempt's Job.

    ``expected_gone_at`` is its deletionTimestamp, which already contains the grace period.
    ``failed`` says why the kubelet or the control plane ended it as a whole (such as Evicted).
    """

    namespace: str
    name: str
    uid: str
    job_name: str
    resource: Key
    resource_uid: str
    expected_gone_at: datetime | None
    started_at: datetime | None
    end: ContainerEnd | None
    failed: str
    waiting_reason: str
    waiting_message: str
    unschedulable: str


@dataclass(frozen=True, slots=True)
class ObservedEvent:
    """An event about a Job or a pod."""

    reason: str
    message: str
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything one decision is made from.

    ``job_refusal`` is why the API server refused to create the Job; ``denial`` why the operator
    starts no run, ``denial_of_run`` why it makes no Job for the one in flight. ``rivals`` are the
    other resources with a run in flight on the same database. ``log_line`` is the last line of
    the running pod's log, as far as it could be read. ``channels`` are those that notifications can
    go to, ``receipts`` what became of some and is not in the status yet. ``traced``: every run
    has spans, not only those that were given a parent. ``told`` are the events that this process
    has told.
    """

    resource: ObservedResource
    now: datetime
    jobs: tuple[ObservedJob, ...] = ()
    pods: tuple[ObservedPod, ...] = ()
    events: tuple[ObservedEvent, ...] = ()
    job_refusal: str = ""
    denial: Denial | None = None
    denial_of_run: Denial | None = None
    log_line: LogLine | None = None
    rivals: tuple[ObservedResource, ...] = ()
    channels: Channels = NO_CHANNELS
    receipts: tuple[Receipt, ...] = ()
    traced: bool = False
    told: frozenset[EventId] = frozenset()

    def job(self, name: str) -> ObservedJob | None:
        """Give the Job of a name."""
        return next((job for job in self.jobs if job.name == name), None)

    def pods_of(self, job: str) -> tuple[ObservedPod, ...]:
        """Give the pods of a Job."""
        return tuple(pod for pod in self.pods if pod.job_name == job)


def observe_job(body: Json) -> ObservedJob:
    """Read a Job, also one that is not ours."""
    meta = body["metadata"]
    labels = meta.get("labels", {})
    conditions: list[Json] = body.get("status", {}).get("conditions", [])
    ends = (c for c in conditions if c["type"] in {"Complete", "Failed"} and c["status"] == "True")
    end = next(ends, None)
    volumes: list[Json] = body["spec"]["template"]["spec"].get("volumes", [])
    owners = {owner["uid"] for owner in meta.get("ownerReferences", ())}
    uid = labels.get(names.RESOURCE_UID_LABEL, "")
    return ObservedJob(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        resource=_resource_key(meta),
        resource_uid=uid,
        run_number=_number(labels.get(names.RUN_LABEL, "")),
        attempt=_number(labels.get(names.ATTEMPT_LABEL, "")),
        created_at=parse_time(meta["creationTimestamp"]),
        over=end is not None,
        over_message=end.get("message", "") if end else "",
        deleting="deletionTimestamp" in meta,
        owned=uid in owners,
        has_source=any(volume["name"].startswith(SOURCE_VOLUME) for volume in volumes),
        settings=meta.get("annotations", {}).get(names.SETTINGS_ANNOTATION, ""),
    )


def observe_pod(body: Json) -> ObservedPod:
    """Read a pod of a Job of ours."""
    meta, status = body["metadata"], body.get("status", {})
    labels = meta.get("labels", {})
    containers = status.get("containerStatuses", ())
    state: Json = next((c["state"] for c in containers if c["name"] == names.RUNNER_CONTAINER), {})
    running, ended = state.get("running"), _ended_after_start(state.get("terminated"))
    waiting = state.get("waiting", {})
    started = (running or ended or {}).get("startedAt")
    gone_at = meta.get("deletionTimestamp")
    return ObservedPod(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        job_name=labels.get("batch.kubernetes.io/job-name", ""),
        resource=_resource_key(meta),
        resource_uid=labels.get(names.RESOURCE_UID_LABEL, ""),
        expected_gone_at=parse_time(gone_at) if gone_at else None,
        started_at=parse_time(started) if started else None,
        end=_container_end(ended) if ended else None,
        failed=_failure(status),
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        unschedulable=next(
            (
                condition.get("message", "")
                for condition in status.get("conditions", ())
                if condition["type"] == "PodScheduled" and condition["status"] == "False"
            ),
            "",
        ),
    )


def observe_event(body: Json) -> ObservedEvent:
    """Read an event of either API (core/v1 stands for both)."""
    series = body.get("series") or {}
    seen = (
        series.get("lastObservedTime")
        or body.get("lastTimestamp")
        or body.get("eventTime")
        or body["metadata"]["creationTimestamp"]
    )
    return ObservedEvent(body.get("reason", ""), body.get("message", ""), parse_time(seen))


def _resource_key(meta: Json) -> Key:
    return Key(meta["namespace"], meta.get("annotations", {}).get(names.RESOURCE_ANNOTATION, ""))


def _number(label: str) -> int:
    return int(label) if label.isascii() and label.isdigit() else 0


def _container_end(terminated: Json) -> ContainerEnd:
    return ContainerEnd(
        terminated.get("exitCode", 0), terminated.get("reason", ""), terminated.get("message", "")
    )


def _ended_after_start(terminated: Json | None) -> Json | None:
    """Pass over the end of a container that never started.

    The kubelet shows such an end, ContainerStatusUnknown with exit code 137 and without a start,
    of a pod that was deleted while it waited.
    """
    return terminated if terminated and terminated.get("startedAt") else None


def _failure(status: Json) -> str:
    if status.get("phase") != "Failed":
        return ""
    said = (status.get("reason", ""), status.get("message", ""))
    return ": ".join(text for text in said if text) or "the pod failed"
