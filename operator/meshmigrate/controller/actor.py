"""Taking a step that was decided on: the one place where the operator changes the cluster."""

from dataclasses import replace

import structlog

from meshmigrate.controller.admission import Allowed
from meshmigrate.controller.announcer import Announcer
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.counting import count_notifications, count_untold
from meshmigrate.controller.decide import (
    CreateJob,
    DeleteJob,
    OwnJob,
    SetFinalizers,
    Step,
    WriteStatus,
)
from meshmigrate.controller.job import make_job, ownership_patch
from meshmigrate.controller.log_context import speak_of
from meshmigrate.controller.observed import ObservedJob, ObservedResource
from meshmigrate.controller.pod_template import RunnerImage
from meshmigrate.controller.port import ClusterPort, Conflict, NotFound
from meshmigrate.controller.status import Status
from meshmigrate.controller.tracing import trace_end
from meshmigrate.observe.metrics import Metrics

_log = structlog.get_logger(__name__)


class Actor:
    """Takes steps; what the cluster answers is in the cache before the next decision."""

    def __init__(
        self,
        *,
        cluster: ClusterPort,
        cache: Cache,
        metrics: Metrics,
        announcer: Announcer,
        image: RunnerImage,
        allowed: Allowed,
    ) -> None:
        self._cluster = cluster
        self._cache = cache
        self._metrics = metrics
        self._announcer = announcer
        self._image = image
        self._allowed = allowed

    async def act(self, resource: ObservedResource, step: Step) -> str:
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
