"""What a decision is made from: what the watches told, and what has to be asked for."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from meshmigrate.controller.admission import Allowed, find_denial
from meshmigrate.controller.announcer import Announcer
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import WallClock
from meshmigrate.controller.courier import Courier
from meshmigrate.controller.database_queue import has_no_job
from meshmigrate.controller.log_context import speak_of
from meshmigrate.controller.observed import (
    Key,
    Observed,
    ObservedEvent,
    ObservedJob,
    ObservedResource,
)
from meshmigrate.controller.port import ClusterPort

_POD_DUE: Final = timedelta(seconds=2)
_EVENTS_DUE: Final = timedelta(seconds=5)
"""A pod that starts at all has usually started after so long (measured: 0.7 s)."""


class Observer:
    """Looks into the cache first, and asks the cluster for what may be missing there.

    ``traced``: every run has spans.
    """

    def __init__(
        self,
        *,
        cluster: ClusterPort,
        cache: Cache,
        courier: Courier,
        announcer: Announcer,
        clock: WallClock,
        allowed: Allowed,
        traced: bool,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._courier = courier
        self._announcer = announcer
        self._clock = clock
        self._allowed = allowed
        self._traced = traced

    async def observe(self, key: Key, listed: set[str]) -> Observed | None:
        """Gather what a decision needs; a Job that the cache lacks is looked for once.

        Unless it is in ``listed``.
        """
        resource = self._cache.resource(key)
        if resource is None:
            return None
        speak_of(resource)
        run = resource.status.current_run
        if run is not None and not has_no_job(resource) and run.job_name not in listed:
            listed.add(run.job_name)
            if all(job.name != run.job_name for job in self._cache.jobs(resource)):
                self._cache.replace_jobs(key, await self._cluster.list_jobs(resource))
                self._cache.replace_pods(key, await self._cluster.list_pods(resource))
        now = self._clock()
        observed = Observed(
            resource=resource,
            now=now,
            jobs=self._cache.jobs(resource),
            pods=self._cache.pods(resource),
            denial=find_denial(resource.spec, key.namespace, self._allowed),
            denial_of_run=find_denial(resource.spec_of_run, key.namespace, self._allowed),
            log_line=self._cache.log_line(key),
            channels=self._courier.channels,
            receipts=self._courier.receipts(resource),
            traced=self._traced,
            told=self._announcer.told(resource),
        )
        job = observed.job(run.job_name) if run is not None else None
        if run is None or job is None or run.between_attempts:
            return observed
        age = now - job.created_at
        if not observed.pods_of(job.name) and (
            age >= _POD_DUE or job.over or run.attempt_started_at
        ):
            self._cache.replace_pods(key, await self._cluster.list_pods(resource))
            observed = replace(observed, pods=self._cache.pods(resource))
        if age >= _EVENTS_DUE and not any(pod.started_at for pod in observed.pods_of(job.name)):
            observed = replace(observed, events=await self._list_events(observed, job))
        return observed

    async def refresh(self, key: Key) -> str:
        """Read a resource that may not be as it was thought to be; give its version."""
        resource = await self._cluster.get_resource(key)
        if resource is None:
            known = self._cache.resource(key)
            if known is not None:
                self._cache.drop_resource(key, known.uid)
        else:
            self._cache.put_resource(resource)
        return resource.resource_version if resource else ""

    async def meet_namesake(self, resource: ObservedResource) -> tuple[ObservedJob, ...]:
        """Look at the Job that has the name already: our own is adopted, another is shown."""
        run = resource.status.current_run
        if run is None:
            return ()
        job = await self._cluster.get_job(resource.key.namespace, run.job_name)
        if job is None:
            return ()
        if job.resource_uid == resource.uid:
            self._cache.put_job(job)
            return ()
        return (job,)

    async def _list_events(self, observed: Observed, job: ObservedJob) -> tuple[ObservedEvent, ...]:
        uids = (job.uid, *(pod.uid for pod in observed.pods_of(job.name)))
        events: tuple[ObservedEvent, ...] = ()
        for uid in uids:
            events += await self._cluster.list_events(job.namespace, uid)
        return events
