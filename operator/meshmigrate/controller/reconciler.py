"""Bringing one resource forward: observe, decide, act, until there is nothing left to do now."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog

from meshmigrate.controller import names
from meshmigrate.controller.absence import note_absence
from meshmigrate.controller.admission import Allowed, find_denial
from meshmigrate.controller.announcer import Announcer
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import WallClock
from meshmigrate.controller.counting import count_notifications, count_untold
from meshmigrate.controller.courier import Courier
from meshmigrate.controller.database_queue import has_no_job
from meshmigrate.controller.decide import (
    CreateJob,
    DeleteJob,
    OwnJob,
    SetFinalizers,
    Step,
    Wait,
    WriteStatus,
    decide,
)
from meshmigrate.controller.job import make_job, ownership_patch
from meshmigrate.controller.log_context import speak_of
from meshmigrate.controller.observed import (
    Key,
    Observed,
    ObservedEvent,
    ObservedJob,
    ObservedResource,
)
from meshmigrate.controller.pod_template import RunnerImage
from meshmigrate.controller.port import (
    AlreadyExists,
    ClusterError,
    ClusterPort,
    Conflict,
    NotFound,
)
from meshmigrate.controller.status import Status
from meshmigrate.controller.tracing import step_span, trace_end
from meshmigrate.domain.trace_context import is_collector_named
from meshmigrate.observe.metrics import Metrics

_MAX_STEPS: Final = 20
"""No path through `decide` is longer; more means that two of its rules undo each other."""
_POD_DUE: Final = timedelta(seconds=2)
_EVENTS_DUE: Final = timedelta(seconds=5)
"""A pod that starts at all has usually started after so long (measured: 0.7 s)."""

_log = structlog.get_logger(__name__)


class Reconciler:
    """Works on one key at a time; holds nothing that a restart would miss."""

    def __init__(
        self,
        *,
        cluster: ClusterPort,
        cache: Cache,
        metrics: Metrics,
        courier: Courier,
        clock: WallClock,
        image: RunnerImage,
        allowed: Allowed,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._metrics = metrics
        self._courier = courier
        self._announcer = Announcer(cluster=cluster, metrics=metrics, clock=clock)
        self._clock = clock
        self._image = image
        self._allowed = allowed

    async def reconcile(self, key: Key) -> timedelta | None:
        """Do what there is to do; give when to look again, None for when something changes.

        Raises
        ------
        ClusterError
            If the cluster did not do what was asked; nothing is lost, the key must come again.
        """
        self._cache.forget_distrusted(key)
        try:
            return await self._take_steps(key)
        except Conflict:
            await self._refresh(key)
            raise
        except NotFound:
            await self._refresh(key)
            return timedelta(0) if self._cache.resource(key) else None

    async def _take_steps(self, key: Key) -> timedelta | None:
        foreign: tuple[ObservedJob, ...] = ()
        refusal = confirmed = ""
        listed: set[str] = set()
        for _ in range(_MAX_STEPS):
            observed = await self._observe(key, listed)
            if observed is None:
                self._announcer.forget(key)
                return None
            # Nothing is awaited from here until the step is on its way and can be seen by others:
            # of two runs on one database that begin at once the second sees the first.
            observed = replace(
                observed,
                jobs=observed.jobs + foreign,
                job_refusal=refusal,
                rivals=self._cache.rivals(observed.resource),
            )
            step = decide(observed)
            if _has_time(step) and await self._announcer.tell(observed.resource):
                continue
            if isinstance(step, Wait):
                return step.duration
            if isinstance(step, CreateJob) and observed.resource.resource_version != confirmed:
                # Another operator may have ended this attempt: its Job must not come again.
                confirmed = await self._refresh(key)
                continue
            note_absence(step, observed.resource, listed)
            try:
                with step_span(observed.resource, step):
                    confirmed = await self._act(observed.resource, step)
            except AlreadyExists:
                foreign = await self._meet_namesake(observed.resource)
            except (Conflict, NotFound):
                raise
            except ClusterError as error:
                # A webhook that fails is a server error, and as much a refusal as a quota.
                if not isinstance(step, CreateJob):
                    raise
                refusal = str(error)
        raise ClusterError(f"{key}: no end after {_MAX_STEPS} steps; looking again later")

    async def _observe(self, key: Key, listed: set[str]) -> Observed | None:
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
            traced=is_collector_named(self._image.environment),
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

    async def _list_events(self, observed: Observed, job: ObservedJob) -> tuple[ObservedEvent, ...]:
        uids = (job.uid, *(pod.uid for pod in observed.pods_of(job.name)))
        events: tuple[ObservedEvent, ...] = ()
        for uid in uids:
            events += await self._cluster.list_events(job.namespace, uid)
        return events

    async def _act(self, resource: ObservedResource, step: Step) -> str:
        """Take a step; give the version of the resource if it is certain now, else nothing."""
        if isinstance(step, WriteStatus):
            speak_of(replace(resource, status=step.status))
        _log.debug("step", step=type(step).__name__)
        match step:
            case WriteStatus(status=status):
                written = await self._write_status(resource, status)
                self._announcer.count(resource.status, written)
                trace_end(resource, status)
                count_notifications(self._metrics, resource.status, written)
                return written.resource_version
            case SetFinalizers(finalizers=finalizers):
                answer = await self._cluster.set_finalizers(resource, finalizers)
                if answer.deleting and not answer.finalizers:
                    count_untold(self._metrics, answer)
                    self._cache.drop_resource(resource.key, resource.uid)
                else:
                    self._cache.put_resource(answer)
                return answer.resource_version
            case CreateJob(run=run) if (spec := resource.spec_of_run) is not None:
                manifest = make_job(resource, spec, run, self._image, self._allowed)
                self._cache.put_job(await self._cluster.create_job(manifest))
            case DeleteJob(job=job):
                await self._cluster.delete_job(job)
                self._cache.drop_job(job)
            case OwnJob(job=job):
                await self._own(resource, job)
        return ""

    async def _write_status(self, resource: ObservedResource, status: Status) -> ObservedResource:
        """Write the status; those who wait for the same database see it from now on."""
        with self._cache.expecting(resource, status):
            written = await self._send_status(resource, status)
            self._cache.put_resource(written)
            return written

    async def _send_status(self, resource: ObservedResource, status: Status) -> ObservedResource:
        """Send a status; a conflict with this very status was a lost answer to our own write."""
        try:
            return await self._cluster.write_status(resource, status)
        except Conflict:
            found = await self._cluster.get_resource(resource.key)
            if found is None or found.uid != resource.uid or found.status != status:
                raise
            return found

    async def _own(self, resource: ObservedResource, job: ObservedJob) -> None:
        try:
            self._cache.put_job(await self._cluster.patch_job(job, ownership_patch(resource)))
        except NotFound:
            self._cache.drop_job(job)

    async def _meet_namesake(self, resource: ObservedResource) -> tuple[ObservedJob, ...]:
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

    async def _refresh(self, key: Key) -> str:
        """Read a resource that may not be as it was thought to be; give its version."""
        resource = await self._cluster.get_resource(key)
        if resource is None:
            known = self._cache.resource(key)
            if known is not None:
                self._cache.drop_resource(key, known.uid)
        else:
            self._cache.put_resource(resource)
        return resource.resource_version if resource else ""


def _has_time(step: Step) -> bool:
    """Say whether what is to be told comes first: work does not wait for it, a farewell does."""
    leaves = isinstance(step, SetFinalizers) and names.FINALIZER not in step.finalizers
    return leaves or isinstance(step, Wait)
