"""What the operator asks of the cluster: about ten verbs, and the ways they can fail."""

from typing import Any, Protocol

from meshmigrate.controller.observed import (
    Key,
    ObservedEvent,
    ObservedJob,
    ObservedPod,
    ObservedResource,
)
from meshmigrate.controller.status import Status


class ClusterError(Exception):
    """A request failed; trying it again later may help."""


class Conflict(ClusterError):
    """The object has changed since it was read."""


class NotFound(ClusterError):
    """The object is gone."""


class AlreadyExists(ClusterError):
    """An object of that name exists."""


class Refused(ClusterError):
    """The API server does not do that: the same request would be answered the same way."""


class ClusterPort(Protocol):
    """The Kubernetes API as the operator uses it. Every verb may raise `ClusterError`."""

    async def get_resource(self, key: Key) -> ObservedResource | None:
        """Read a DatabaseMigration; None if there is none."""
        ...

    async def count_resources(self) -> int:
        """Count the DatabaseMigrations in the watched namespaces."""
        ...

    async def list_uids(self) -> frozenset[str]:
        """Give the uids of the DatabaseMigrations in the watched namespaces."""
        ...

    async def write_status(self, resource: ObservedResource, status: Status) -> ObservedResource:
        """Replace the status. Raises `Conflict` if the resource is not as read, or `NotFound`."""
        ...

    async def set_finalizers(
        self, resource: ObservedResource, finalizers: tuple[str, ...]
    ) -> ObservedResource:
        """Replace the finalizers. Raises `Conflict` or `NotFound` likewise."""
        ...

    async def get_job(self, namespace: str, name: str) -> ObservedJob | None:
        """Read a Job, also one that is not ours; None if there is none."""
        ...

    async def create_job(self, manifest: dict[str, Any]) -> ObservedJob:
        """Create a Job. Raises `AlreadyExists`."""
        ...

    async def delete_job(self, job: ObservedJob) -> None:
        """Delete this very Job (by uid) and its pods in the background; gone is fine too."""
        ...

    async def patch_job(self, job: ObservedJob, patch: dict[str, Any]) -> ObservedJob:
        """Merge a patch into this very Job. Raises `NotFound`; another uid is refused."""
        ...

    async def list_jobs(self, resource: ObservedResource) -> tuple[ObservedJob, ...]:
        """List the Jobs of a resource."""
        ...

    async def list_pods(self, resource: ObservedResource) -> tuple[ObservedPod, ...]:
        """List the pods of a resource."""
        ...

    async def read_log(self, pod: ObservedPod) -> bytes:
        """Read the end of the runner's log; once, as it will be read again anyway."""
        ...

    async def list_events(self, namespace: str, object_uid: str) -> tuple[ObservedEvent, ...]:
        """List the events about an object."""
        ...

    async def create_event(self, event: dict[str, Any]) -> None:
        """Create an event, or count it in the one of the same name."""
        ...
