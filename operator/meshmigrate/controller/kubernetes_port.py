"""The cluster port on the Kubernetes API."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from meshmigrate.controller import names
from meshmigrate.controller.api_requests import ApiRequests
from meshmigrate.controller.event_manifest import counted_again
from meshmigrate.controller.observed import (
    Key,
    ObservedEvent,
    ObservedJob,
    ObservedPod,
    ObservedResource,
    observe_event,
    observe_job,
    observe_pod,
    observe_resource,
)
from meshmigrate.controller.port import AlreadyExists, Conflict, NotFound
from meshmigrate.controller.status import Status, dump_status

_RESOURCES: Final = f"/apis/{names.API_VERSION}"
_JOBS: Final = "/apis/batch/v1"
_CORE: Final = "/api/v1"
_STRICT: Final = ("fieldValidation", "Strict")
"""What a resource says of its pod is passed on: what is misspelt shall not be dropped silently."""
_PAGE: Final = 500
_LOG_LINES: Final = 5
_LOG_BYTES: Final = 32 * 1024
"""The last line of the runner is enough; its lines are shorter than 6 KiB."""


class KubernetesPort:
    """`ClusterPort` in terms of requests.

    Parameters
    ----------
    namespaces
        The watched namespaces; none means all of them.
    """

    def __init__(self, requests: ApiRequests, namespaces: Iterable[str]) -> None:
        self._requests = requests
        self._namespaces = tuple(namespaces)

    async def get_resource(self, key: Key) -> ObservedResource | None:
        """Read a DatabaseMigration; None if there is none."""
        try:
            return observe_resource(await self._requests.send("get", _resource_path(key)))
        except NotFound:
            return None

    async def count_resources(self) -> int:
        """Count the DatabaseMigrations in the watched namespaces, without reading them all."""
        count = 0
        for path in self._collections():
            listed = await self._requests.send("list", path, query=[("limit", "1")])
            count += len(listed["items"]) + listed["metadata"].get("remainingItemCount", 0)
        return count

    async def list_uids(self) -> frozenset[str]:
        """Give the uids of the DatabaseMigrations in the watched namespaces, read page by page."""
        uids: set[str] = set()
        for path in self._collections():
            query = [("limit", str(_PAGE))]
            while query:
                listed = await self._requests.send("list", path, query=query)
                uids.update(item["metadata"]["uid"] for item in listed["items"])
                more = listed["metadata"].get("continue")
                query = [("limit", str(_PAGE)), ("continue", more)] if more else []
        return frozenset(uids)

    async def write_status(self, resource: ObservedResource, status: Status) -> ObservedResource:
        """Replace the status, if the resource is still as read."""
        body = {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "metadata": _identity(resource),
            "status": dump_status(status),
        }
        path = f"{_resource_path(resource.key)}/status"
        return observe_resource(await self._requests.send("update", path, body=body))

    async def set_finalizers(
        self, resource: ObservedResource, finalizers: tuple[str, ...]
    ) -> ObservedResource:
        """Replace the finalizers, if the resource is still as read."""
        body = {"metadata": {**_identity(resource), "finalizers": list(finalizers)}}
        path = _resource_path(resource.key)
        return observe_resource(await self._requests.send("patch", path, body=body))

    async def get_job(self, namespace: str, name: str) -> ObservedJob | None:
        """Read a Job; None if there is none."""
        try:
            return observe_job(await self._requests.send("get", _job_path(namespace, name)))
        except NotFound:
            return None

    async def list_jobs(self, resource: ObservedResource) -> tuple[ObservedJob, ...]:
        """List the Jobs of a resource."""
        path = f"{_JOBS}/namespaces/{resource.key.namespace}/jobs"
        return tuple(observe_job(body) for body in await self._list(path, _of(resource)))

    async def create_job(self, manifest: dict[str, Any]) -> ObservedJob:
        """Create a Job."""
        path = f"{_JOBS}/namespaces/{manifest['metadata']['namespace']}/jobs"
        return observe_job(
            await self._requests.send("create", path, query=[_STRICT], body=manifest)
        )

    async def delete_job(self, job: ObservedJob) -> None:
        """Delete this very Job and its pods in the background."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": job.uid}}
        try:
            await self._requests.send("delete", _job_path(job.namespace, job.name), body=body)
        except NotFound:
            return

    async def patch_job(self, job: ObservedJob, patch: dict[str, Any]) -> ObservedJob:
        """Merge a patch into this very Job: a uid cannot be changed, so another one is refused."""
        body = {**patch, "metadata": {**patch.get("metadata", {}), "uid": job.uid}}
        path = _job_path(job.namespace, job.name)
        return observe_job(await self._requests.send("patch", path, body=body))

    async def list_pods(self, resource: ObservedResource) -> tuple[ObservedPod, ...]:
        """List the pods of a resource."""
        path = f"{_CORE}/namespaces/{resource.key.namespace}/pods"
        return tuple(observe_pod(body) for body in await self._list(path, _of(resource)))

    async def read_log(self, pod: ObservedPod) -> bytes:
        """Read the end of the runner's log: a bounded part, whatever its size."""
        path = f"{_CORE}/namespaces/{pod.namespace}/pods/{pod.name}/log"
        query = [
            ("container", names.RUNNER_CONTAINER),
            ("tailLines", str(_LOG_LINES)),
            ("limitBytes", str(_LOG_BYTES)),
        ]
        return await self._requests.read(path, query=query)

    async def list_events(self, namespace: str, object_uid: str) -> tuple[ObservedEvent, ...]:
        """List the events about an object."""
        path = f"{_CORE}/namespaces/{namespace}/events"
        selector = ("fieldSelector", f"involvedObject.uid={object_uid}")
        return tuple(observe_event(body) for body in await self._list(path, selector))

    async def create_event(self, event: dict[str, Any]) -> None:
        """Create an event, or count it in the one of the same name."""
        path = f"{_CORE}/namespaces/{event['metadata']['namespace']}/events"
        try:
            await self._requests.send("create", path, body=event)
        except AlreadyExists:
            known = f"{path}/{event['metadata']['name']}"
            patch = counted_again(await self._requests.send("get", known), event)
            if patch is not None:
                with suppress(Conflict):  # another operator has counted it
                    await self._requests.send("patch", known, body=patch)

    def _collections(self) -> list[str]:
        scopes = [f"/namespaces/{namespace}" for namespace in self._namespaces] or [""]
        return [f"{_RESOURCES}{scope}/{names.PLURAL}" for scope in scopes]

    async def _list(self, path: str, selector: tuple[str, str]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self._requests.send("list", path, query=[selector]))[
            "items"
        ]
        return items


def _identity(resource: ObservedResource) -> dict[str, str]:
    return {
        "name": resource.key.name,
        "namespace": resource.key.namespace,
        "uid": resource.uid,
        "resourceVersion": resource.resource_version,
    }


def _of(resource: ObservedResource) -> tuple[str, str]:
    return ("labelSelector", f"{names.RESOURCE_UID_LABEL}={resource.uid}")


def _resource_path(key: Key) -> str:
    return f"{_RESOURCES}/namespaces/{key.namespace}/{names.PLURAL}/{key.name}"


def _job_path(namespace: str, name: str) -> str:
    return f"{_JOBS}/namespaces/{namespace}/jobs/{name}"
