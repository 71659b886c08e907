"""The Lease by which the operators agree on who is active (coordination.k8s.io/v1)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from meshmigrate.controller.api_requests import ApiRequests
from meshmigrate.controller.clock import utc_now
from meshmigrate.controller.port import NotFound


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the lease and for how long; ``version`` changes whenever it is renewed.

    An empty holder has released it; an empty version is a Lease that does not exist yet.
    """

    holder: str = ""
    duration_seconds: int = 0
    transitions: int = 0
    acquired_at: str = ""
    version: str = ""


class LeaseStore(Protocol):
    """Where the Lease is kept. Every verb may raise `ClusterError`."""

    async def read(self) -> Lease:
        """Read it."""
        ...

    async def write(self, lease: Lease) -> Lease:
        """Store it if it is still of this version. Raises `Conflict`, `AlreadyExists`, ..."""
        ...


class KubernetesLease:
    """`LeaseStore` in terms of requests."""

    def __init__(
        self,
        requests: ApiRequests,
        namespace: str,
        name: str,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._requests = requests
        self._namespace = namespace
        self._name = name
        self._now = now
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"

    async def read(self) -> Lease:
        """Read the Lease."""
        try:
            return _lease(await self._requests.send("get", f"{self._collection}/{self._name}"))
        except NotFound:
            return Lease()

    async def write(self, lease: Lease) -> Lease:
        """Create the Lease, or replace it by compare-and-swap; the times in it are for people."""
        moment = _micro_time(self._now())
        metadata = {"name": self._name, "namespace": self._namespace}
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                **metadata,
                **({"resourceVersion": lease.version} if lease.version else {}),
            },
            "spec": {
                "holderIdentity": lease.holder,
                "leaseDurationSeconds": lease.duration_seconds,
                "leaseTransitions": lease.transitions,
                "acquireTime": lease.acquired_at or moment,
                "renewTime": moment,
            },
        }
        if not lease.version:
            return _lease(await self._requests.send("create", self._collection, body=body))
        path = f"{self._collection}/{self._name}"
        return _lease(await self._requests.send("update", path, body=body))


def _lease(body: dict[str, Any]) -> Lease:
    spec = body.get("spec", {})
    return Lease(
        holder=spec.get("holderIdentity") or "",
        duration_seconds=spec.get("leaseDurationSeconds") or 0,
        transitions=spec.get("leaseTransitions") or 0,
        acquired_at=spec.get("acquireTime") or "",
        version=body["metadata"]["resourceVersion"],
    )


def _micro_time(moment: datetime) -> str:
    """Write a moment as metav1.MicroTime does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
