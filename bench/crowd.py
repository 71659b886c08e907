"""Many resources on a real API server: made, awaited, and finished by hand."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from bench.cluster_client import ClusterClient, Json
from meshmigrate.controller import names

_AT_ONCE: Final = 32
_LONGEST_SECONDS: Final = 300.0


class Crowd:
    """A namespace with resources, each with a database of its own, and when what was seen."""

    def __init__(self, cluster: ClusterClient, namespace: str) -> None:
        self._cluster = cluster
        self.namespace = namespace
        self.path = f"/apis/{names.API_VERSION}/namespaces/{namespace}/{names.PLURAL}"
        self.created: dict[str, float] = {}
        """Resource to the monotonic time when its creation was seen."""
        self.jobs: dict[str, float] = {}
        """Resource to the monotonic time when its first Job was seen."""
        self._phases: dict[str, str] = {}
        self._made = 0
        self._changed = asyncio.Event()

    async def make(self, resources: Iterable[str]) -> None:
        """Create resources, as many at once as the API server takes."""
        resources = list(resources)
        self._made += len(resources)
        await _in_parallel(
            self._cluster.send("POST", self.path, _manifest(name)) for name in resources
        )

    async def make_finished(self, resources: Iterable[str], like: str) -> None:
        """Create resources that have the status of another one, and never ran."""
        status = (await self._cluster.send("GET", f"{self.path}/{like}"))["status"]

        async def make(name: str) -> None:
            body = await self._cluster.send("POST", self.path, _manifest(name, database=like))
            await self._cluster.send(
                "PUT", f"{self.path}/{name}/status", {**body, "status": status}
            )

        await _in_parallel(make(name) for name in resources)

    async def until(self, what: str, holds: Callable[[], bool]) -> float:
        """Wait for something that the watches show; give the monotonic time then.

        Raises
        ------
        TimeoutError
            If it does not come; with how far things are.
        """
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(
                f"{what}: not within {_LONGEST_SECONDS:.0f} s; {len(self.created)} resources,"
                f" {len(self.jobs)} Jobs, {self._succeeded()} succeeded"
            ) from None
        return time.monotonic()

    def all_succeeded(self) -> bool:
        """Whether all the resources that were made have succeeded."""
        return self._succeeded() == self._made

    def _succeeded(self) -> int:
        return sum(phase == "Succeeded" for phase in self._phases.values())

    async def count_events(self) -> int:
        """Count the events of the namespace."""
        path = f"/api/v1/namespaces/{self.namespace}/events?limit=1"
        listed = await self._cluster.send("GET", path)
        return len(listed["items"]) + int(listed["metadata"].get("remainingItemCount", 0))

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Watch resources and Jobs while the block runs."""

        async def see_resources() -> None:
            async for event in self._cluster.watch(self.path):
                body: Json = event["object"]
                name = body["metadata"]["name"]
                self.created.setdefault(name, time.monotonic())
                self._phases[name] = body.get("status", {}).get("phase", "")
                self._changed.set()

        async def see_jobs() -> None:
            path = f"/apis/batch/v1/namespaces/{self.namespace}/jobs"
            async for event in self._cluster.watch(path):
                annotations = event["object"]["metadata"]["annotations"]
                resource = annotations[names.RESOURCE_ANNOTATION].rpartition("/")[2]
                self.jobs.setdefault(resource, time.monotonic())
                self._changed.set()

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(see()) for see in (see_resources, see_jobs)]
            yield
            for task in tasks:
                task.cancel()


@asynccontextmanager
async def crowd(cluster: ClusterClient, namespace: str) -> AsyncIterator[Crowd]:
    """Make a namespace, and watch it."""
    await cluster.send("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
    here = Crowd(cluster, namespace)
    async with here.watched():
        yield here


async def _in_parallel(works: Iterable[Any]) -> None:
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(work: Any) -> None:
        async with room:
            await work

    async with asyncio.TaskGroup() as group:
        for work in works:
            group.create_task(one(work))


def _manifest(name: str, *, database: str = "") -> Json:
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name},
        "spec": {
            "database": {"url": {"secretKeyRef": {"name": database or name, "key": "URL"}}},
            "source": {"configMaps": [{"name": "files", "content": "migrations"}]},
        },
    }
