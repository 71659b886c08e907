"""Tells what statuses say is to be told: their events, and to the metrics the ends of runs.

What this process has told it remembers. One that starts knows nothing and tells again what still
stands in a status: an event meets the one of its name, a count starts anew with each process.
"""

from dataclasses import dataclass, field

import structlog

from meshmigrate.controller import names
from meshmigrate.controller.clock import WallClock, parse_time
from meshmigrate.controller.counting import count_end
from meshmigrate.controller.event import Event, EventId
from meshmigrate.controller.event_manifest import event_manifest
from meshmigrate.controller.events import occasion_of_end
from meshmigrate.controller.observed import Key, ObservedResource
from meshmigrate.controller.outbox import DELETION_GRACE
from meshmigrate.controller.port import ClusterError, ClusterPort, NotFound, Refused
from meshmigrate.controller.status import Status
from meshmigrate.observe.metrics import Metrics

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Memory:
    uid: str
    told: set[EventId] = field(default_factory=set)
    counted: int = 0
    """The number of the latest run whose end was counted."""


class Announcer:
    """Keeps in mind, of resources of which something is to be told, what was told."""

    def __init__(self, *, cluster: ClusterPort, metrics: Metrics, clock: WallClock) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._clock = clock
        self._memories: dict[Key, _Memory] = {}

    def told(self, resource: ObservedResource) -> frozenset[EventId]:
        """Give the events of a resource that need not be told again."""
        memory = self._memories.get(resource.key)
        known = memory is not None and memory.uid == resource.uid
        return frozenset(memory.told) if memory and known else frozenset()

    def forget(self, key: Key) -> None:
        """Forget a resource that is gone."""
        self._memories.pop(key, None)

    def count(self, old: Status, resource: ObservedResource) -> None:
        """Count the end of a run, if a status that was just stored has a new one."""
        last = resource.status.last_run
        if last is not None and last != old.last_run:
            count_end(self._metrics, resource.key, last)
            self._memory(resource).counted = last.number

    async def tell(self, resource: ObservedResource) -> bool:
        """Tell what is not told yet; say whether there was any.

        Raises
        ------
        ClusterError
            If an event was not stored that may be stored later; a finalizer stays 30 s for that.
        """
        events = resource.status.events
        if not events:
            if resource.status.current_run is None:
                self.forget(resource.key)
            return False
        memory = self._memory(resource)
        untold = [event for event in events if event.id not in memory.told]
        for event in untold:
            self._count_again(resource, event, memory)
            await self._create(resource, event)
            memory.told.add(event.id)
        return bool(untold)

    def _count_again(self, resource: ObservedResource, event: Event, memory: _Memory) -> None:
        """Count the end that somebody else has stored, or whose answer was lost."""
        last = resource.status.last_run
        is_end = last is not None and event.occasion == occasion_of_end(last.number)
        if last is not None and is_end and memory.counted != last.number:
            memory.counted = last.number
            count_end(self._metrics, resource.key, last)

    async def _create(self, resource: ObservedResource, event: Event) -> None:
        try:
            await self._cluster.create_event(event_manifest(event, resource, self._clock()))
        except ClusterError as error:
            _log.warning("event-not-stored", reason=event.reason, error=str(error))
            if not (self._holds_too_long(resource) or isinstance(error, Refused | NotFound)):
                raise

    def _holds_too_long(self, resource: ObservedResource) -> bool:
        """Say whether a finalizer has stood for long enough, only for what is to be told.

        The operator may be uninstalled by the time somebody deletes the resource.
        """
        if names.FINALIZER not in resource.finalizers:
            return False
        since, resting = resource.deleted_at, resource.status.condition("Reconciling")
        if since is None and resource.status.current_run is None and resting is not None:
            since = parse_time(resting.last_transition_time)
        return since is not None and self._clock() - since >= DELETION_GRACE

    def _memory(self, resource: ObservedResource) -> _Memory:
        memory = self._memories.get(resource.key)
        if memory is None or memory.uid != resource.uid:
            memory = self._memories[resource.key] = _Memory(resource.uid)
        return memory
