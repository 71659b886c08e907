"""What the watches told, by key: reduced objects, never older than what was already seen."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

from meshmigrate.controller.observed import Key, ObservedJob, ObservedPod, ObservedResource
from meshmigrate.controller.resource_store import ResourceStore
from meshmigrate.controller.status import Status
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runner_log import LogLine
from meshmigrate.observe.metrics import ResourceState


class Cache:
    """Resources, Jobs and pods as last seen.

    A watch may miss a deletion while it is interrupted. So absence from the cache, and what is
    concluded from it, is always confirmed by a request; and what was seen of the Jobs and pods
    of a distrusted resource is forgotten before it is next worked on, so that they are requested
    again.
    """

    def __init__(self) -> None:
        self._resources = ResourceStore()
        self._jobs: defaultdict[Key, dict[str, ObservedJob]] = defaultdict(dict)
        self._pods: defaultdict[Key, dict[str, ObservedPod]] = defaultdict(dict)
        self._with_running_pods: set[Key] = set()
        self._undelivered: dict[Key, None] = {}
        self._log_lines: dict[Key, LogLine] = {}
        self._by_database: defaultdict[str, set[Key]] = defaultdict(set)
        self._expected: dict[Key, ObservedResource] = {}
        self._distrusted: set[Key] = set()
        self.last_event_at: dict[str, float] = {}
        """Kind to the monotonic time of its latest event."""

    def __len__(self) -> int:
        return len(self._resources)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._resources)

    def resource(self, key: Key) -> ObservedResource | None:
        """Give a resource."""
        return self._resources.get(key)

    def keys_in_flight(self) -> list[Key]:
        """Give the resources that have a run in flight."""
        return self._resources.keys_in_flight()

    def uids(self) -> dict[str, Key]:
        """Give all resources by uid."""
        return self._resources.uids()

    def states(self) -> Iterable[ResourceState]:
        """Give all resources as the metrics show them."""
        return self._resources.states()

    def rivals(self, resource: ObservedResource) -> tuple[ObservedResource, ...]:
        """Give the other resources that have a run in flight on the same database."""
        keys = {key for name in resource.database_keys for key in self._by_database.get(name, ())}
        found = {key: rival for key in keys if (rival := self._resources.in_flight(key))}
        found |= {
            key: expected
            for key, expected in self._expected.items()
            if expected.database_keys & resource.database_keys
        }
        return tuple(found[key] for key in sorted(found) if key != resource.key)

    @contextmanager
    def expecting(self, resource: ObservedResource, status: Status) -> Iterator[None]:
        """Let rivals see a status that is on its way to the API server."""
        spec = resource.spec_of_run or resource.spec
        self._expected[resource.key] = replace(resource, status=status, spec_of_run=spec)
        try:
            yield
        finally:
            del self._expected[resource.key]

    def undelivered(self) -> Iterator[ObservedResource]:
        """Give the resources with notifications to be delivered, those that wait longest first."""
        found = (self._resources.get(key) for key in self._undelivered)
        return (resource for resource in found if resource)

    def queued_behind(self, resource: ObservedResource) -> list[Key]:
        """Give the resources that may go on when something changes about this one."""
        rivals = self.rivals(resource)
        return [each.key for each in rivals if each.status.ready_reason == Reason.QUEUED]

    def jobs(self, resource: ObservedResource) -> tuple[ObservedJob, ...]:
        """Give the Jobs of a resource, not those of a namesake before it."""
        jobs = self._jobs.get(resource.key, {}).values()
        return tuple(job for job in jobs if job.resource_uid == resource.uid)

    def pods(self, resource: ObservedResource) -> tuple[ObservedPod, ...]:
        """Give the pods of a resource."""
        pods = self._pods.get(resource.key, {}).values()
        return tuple(pod for pod in pods if pod.resource_uid == resource.uid)

    def running_pods(self) -> tuple[ObservedPod, ...]:
        """Give the pods whose container runs."""
        found = {
            key: [pod for pod in self._pods.get(key, {}).values() if _runs(pod)]
            for key in self._with_running_pods
        }
        self._with_running_pods = {key for key, pods in found.items() if pods}
        return tuple(pod for pods in found.values() for pod in pods)

    def log_line(self, key: Key) -> LogLine | None:
        """Give the last line that was read of a log of the resource's runners."""
        return self._log_lines.get(key)

    def put_log_line(self, key: Key, line: LogLine) -> None:
        """Take over the last line of a log."""
        self._log_lines[key] = line

    def put_resource(self, resource: ObservedResource) -> None:
        """Take over a resource unless a newer state of it is known."""
        if self._resources.is_newer(resource):
            return
        self._forget_place(resource.key)
        self._resources.put(resource)
        if resource.status.undelivered:
            self._undelivered[resource.key] = None
        else:
            self._undelivered.pop(resource.key, None)
        if resource.status.current_run is not None:
            for name in resource.database_keys:
                self._by_database[name].add(resource.key)

    def drop_resource(self, key: Key, uid: str) -> None:
        """Forget a resource and what belongs to it; a namesake created after it stays."""
        if self._resources.uid(key) not in {None, uid}:
            return
        self._forget_place(key)
        self._resources.drop(key)
        self._undelivered.pop(key, None)
        self._jobs.pop(key, None)
        self._pods.pop(key, None)
        self._log_lines.pop(key, None)

    def _forget_place(self, key: Key) -> None:
        resource = self._resources.in_flight(key)
        for name in resource.database_keys if resource else ():
            keys = self._by_database.get(name, set())
            keys.discard(key)
            if not keys:
                self._by_database.pop(name, None)

    def put_job(self, job: ObservedJob) -> None:
        """Take over a Job."""
        self._jobs[job.resource][job.name] = job

    def drop_job(self, job: ObservedJob) -> None:
        """Forget a Job."""
        self._jobs[job.resource].pop(job.name, None)

    def put_pod(self, pod: ObservedPod) -> None:
        """Take over a pod."""
        self._pods[pod.resource][pod.name] = pod
        if _runs(pod):
            self._with_running_pods.add(pod.resource)

    def drop_pod(self, pod: ObservedPod) -> None:
        """Forget a pod."""
        self._pods[pod.resource].pop(pod.name, None)
        self._log_lines.pop(pod.resource, None)

    def replace_jobs(self, key: Key, jobs: Iterable[ObservedJob]) -> None:
        """Take over the Jobs of a resource as listed."""
        self._jobs[key] = {job.name: job for job in jobs}

    def replace_pods(self, key: Key, pods: Iterable[ObservedPod]) -> None:
        """Take over the pods of a resource as listed."""
        self._pods[key] = {pod.name: pod for pod in pods}
        if any(_runs(pod) for pod in self._pods[key].values()):
            self._with_running_pods.add(key)

    def distrust(self, key: Key) -> None:
        """Mark what was seen of a resource's Jobs and pods as not to be relied on."""
        self._distrusted.add(key)

    def forget_distrusted(self, key: Key) -> None:
        """Forget what is marked: before a resource is worked on, never while it is.

        In the middle of the work the absence of a Job would be taken for its loss.
        """
        if key in self._distrusted:
            self._distrusted.discard(key)
            self._jobs.pop(key, None)
            self._pods.pop(key, None)

    def note_event(self, kind: str) -> None:
        """Note that the watch of a kind is alive."""
        self.last_event_at[kind] = monotonic()


def _runs(pod: ObservedPod) -> bool:
    return pod.started_at is not None and pod.end is None and not pod.failed
