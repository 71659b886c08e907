"""Playing the whole cluster around a reconciler until nothing moves any more."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol

from meshmigrate.controller.admission import Allowed
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import parse_time
from meshmigrate.controller.courier import LOOK_SECONDS, Courier
from meshmigrate.controller.observed import Json, Key
from meshmigrate.controller.pod_template import RunnerImage
from meshmigrate.controller.port import ClusterError
from meshmigrate.controller.reconciler import Reconciler
from meshmigrate.controller.runner_logs import RunnerLogs
from meshmigrate.domain.outcome import Outcome
from meshmigrate.observe.metrics import Metrics
from meshmigrate.observe.notifications.channels import NO_CHANNELS, Channels
from tests.scripted.faults import Crash
from tests.unit.controller.couriers import Configured, Sink
from tests.unit.controller.scripted_cluster import (
    KEY,
    ScriptedCluster,
    make_result,
)

ALLOWED = Allowed(hosts=("*.<namespace>.svc",), service_accounts=("default",))
"""As the chart has it."""

LOOK = timedelta(seconds=LOOK_SECONDS)
_MOST_ERRORS = 8
Ending = Callable[[ScriptedCluster, str], None]
"""What becomes of the container of a Job that runs."""


class Player(Protocol):
    """What plays against a cluster: one operator, or two."""

    cluster: ScriptedCluster

    async def look_at_all(self) -> timedelta | None:
        """Do for every resource what there is to do; give when to look again."""
        ...


class Operator:
    """An operator process: its memory is lost when it crashes."""

    def __init__(
        self,
        cluster: ScriptedCluster,
        environment: Mapping[str, str] | None = None,
        *,
        channels: Channels = NO_CHANNELS,
    ) -> None:
        self.cluster = cluster
        self.image = RunnerImage("runner:1", environment=environment or {})
        self.metrics = Metrics("test")
        self.crashes = 0
        self.patient = False
        """Whether it leaves what failed for the next turn, without what the watches show now."""
        self.allowed = ALLOWED
        self.source = Configured(channels)
        self.sink = Sink()
        self._start()

    def restart(self, allowed: Allowed) -> None:
        """Be started anew, with other permissions."""
        self.allowed = allowed
        self._start()

    def _start(self) -> None:
        self.cache = Cache()
        self.courier = Courier(
            cache=self.cache,
            source=self.source,
            deliver=self.sink,
            add=lambda _: None,
            clock=self.cluster.clock,
            seconds=self.cluster.clock.seconds,
        )
        self.reconciler = Reconciler(
            cluster=self.cluster,
            cache=self.cache,
            metrics=self.metrics,
            courier=self.courier,
            clock=self.cluster.clock,
            image=self.image,
            allowed=self.allowed,
        )
        self.asked: list[Key] = []
        self.logs = RunnerLogs(
            self.cluster, self.cache, self.asked.append, clock=self.cluster.clock.seconds
        )

    async def read_logs(self) -> None:
        """Read the logs that are due, as the watches show the pods."""
        self.cluster.show_to(self.cache)
        for pod in self.logs.due():
            await self.logs.read(pod)

    async def deliver(self) -> None:
        """Send what is due, let it arrive, and store what became of it."""
        self.cluster.show_to(self.cache)
        self.courier.look()
        for _ in range(3):
            await asyncio.sleep(0)
        if self.sink.died:
            self.sink.died = False
            self.crashes += 1
            self._start()
        for key in sorted(self.cluster.resources):
            await self.look(key)

    async def look_at_all(self, *, seen: bool = False) -> timedelta | None:
        """Look at every resource, and deliver what there is to tell.

        ``seen``: as the watches have shown it before, whatever has happened since.
        """
        keys = sorted({KEY, *self.cluster.resources})
        waits = [await self.look(key, seen=seen) for key in keys]
        if self.source.channels.channels:
            await self.deliver()
            waits.append(self._until_delivery())
        return min((wait for wait in waits if wait is not None), default=None)

    def _until_delivery(self) -> timedelta | None:
        now = self.cluster.clock()
        pending = [
            parse_time(entry.next_attempt_at) - now if entry.next_attempt_at else LOOK
            for resource in self.cache.undelivered()
            for entry in resource.status.notifications
            if entry.pending
        ]
        return max(min(pending), LOOK) if pending else None

    async def look(self, key: Key = KEY, *, seen: bool = False) -> timedelta | None:
        """Let the watches catch up and reconcile once, through any crash and error.

        Raises
        ------
        AssertionError
            If the errors do not end.
        """
        last = ""
        for attempt in range(_MOST_ERRORS):
            if attempt or not seen:
                self.cluster.show_to(self.cache)
            try:
                return await self.reconciler.reconcile(key)
            except Crash:
                self.crashes += 1
                self._start()
            except ClusterError as error:
                if self.patient:
                    return LOOK
                last = str(error)
        raise AssertionError(f"{key}: {_MOST_ERRORS} errors in a row, the last: {last}")


View = Literal["in turn", "at once", "late"]


class TwoOperators:
    """Two that are both active, each with a memory of its own, and work in turn.

    ``at once``: what the one does, the watches of the other have not shown when it works.
    ``late``: each works for some turns with what it has seen before.
    """

    def __init__(self, cluster: ScriptedCluster, *, channels: Channels, view: View) -> None:
        self.cluster = cluster
        self.both = [Operator(cluster, channels=channels) for _ in range(2)]
        self._view = view
        self._turn = 0

    async def look_at_all(self) -> timedelta | None:
        """Let both look; who is first now is second the next time."""
        late = self._view == "late"
        shown = [self.both, self.both[:1], [], self.both[1:]][self._turn % 4] if late else self.both
        self._turn += 1
        for operator in shown:
            self.cluster.show_to(operator.cache)
        waits = []
        for operator in self.both:
            operator.patient = late
            waits.append(await operator.look_at_all(seen=self._view != "in turn"))
        if not late:
            self.both.reverse()
        due = [wait for wait in waits if wait is not None]
        return min(due, default=None if shown == self.both else LOOK)


def ends_with(outcome: Outcome, reason: str = "", **fields: Any) -> Ending:
    """Let the runner end by itself; with these fields in its result."""

    def end(cluster: ScriptedCluster, job: str) -> None:
        run_id = str(cluster.told_to(job).run.id)
        result = make_result(run_id, outcome, reason, **fields)
        cluster.end_pod(job, exit_code=outcome.exit_code, message=result)

    return end


def killed(cluster: ScriptedCluster, job: str) -> None:
    """Let the container be killed."""
    cluster.end_pod(job, exit_code=137)


def vanishes(cluster: ScriptedCluster, job: str) -> None:
    """Let the pod be gone, as with its node."""
    cluster.pods.pop(f"{job}-x", None)


@dataclass(frozen=True)
class Deed:
    """What a person does once it is time."""

    when: Callable[[ScriptedCluster], bool]
    do: Callable[[ScriptedCluster], None]


async def play(
    player: Player, endings: list[Ending], deeds: Sequence[Deed] = (), *, turns: int = 60
) -> None:
    """Let each Job's container start, end as told, and its Job be over; then look again.

    Raises
    ------
    AssertionError
        If it has not come to rest after so many turns, or if a deed was never done.
    """
    cluster, left = player.cluster, list(deeds)
    for _ in range(turns):
        wait = await player.look_at_all()
        deed = next((deed for deed in left if deed.when(cluster)), None)
        if deed is not None:
            deed.do(cluster)
            left.remove(deed)
        elif not _move_something(cluster, endings):
            if wait is None:
                assert not left, "not all deeds were done"
                return
            cluster.clock.pass_time(wait)
    said = [body["status"] for body in cluster.resources.values()]
    raise AssertionError(f"not at rest after {turns} turns: {said}")


def _move_something(cluster: ScriptedCluster, endings: list[Ending]) -> bool:
    going = next((pod for pod in cluster.pods.values() if _is_going(pod)), None)
    if going is not None:
        cluster.end_going_pod(going["metadata"]["labels"]["batch.kubernetes.io/job-name"])
        return True
    moving = next((name for name, job in cluster.jobs.items() if not job.get("status")), None)
    if moving is not None:
        _move(cluster, moving, endings)
    return moving is not None


def _is_going(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _move(cluster: ScriptedCluster, job: str, endings: list[Ending]) -> None:
    pod = cluster.pods.get(f"{job}-x")
    if job in cluster.ended_jobs:
        cluster.end_job(job)
    elif pod is None:
        cluster.start_pod(job)
    else:
        endings[cluster.created_jobs.index(job)](cluster, job)
        cluster.ended_jobs.add(job)
