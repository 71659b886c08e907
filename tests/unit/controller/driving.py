"""Playing the whole cluster around a reconciler until nothing moves any more."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from meshmigrate.controller.cache import Cache
from meshmigrate.controller.job import RunnerImage
from meshmigrate.controller.port import Conflict
from meshmigrate.controller.reconciler import Reconciler
from meshmigrate.domain.outcome import Outcome
from meshmigrate.observe.metrics import Metrics
from tests.scripted.faults import Crash
from tests.unit.controller.scripted_cluster import (
    KEY,
    ScriptedCluster,
    make_result,
)

Ending = Callable[[ScriptedCluster, str], None]
"""What becomes of the container of a Job that runs."""


class Operator:
    """An operator process: its memory is lost when it crashes."""

    def __init__(self, cluster: ScriptedCluster) -> None:
        self.cluster = cluster
        self.metrics = Metrics("test")
        self.crashes = 0
        self._start()

    def _start(self) -> None:
        self.cache = Cache()
        self.reconciler = Reconciler(
            cluster=self.cluster,
            cache=self.cache,
            metrics=self.metrics,
            clock=self.cluster.clock,
            image=RunnerImage("runner:1"),
        )

    async def look(self) -> timedelta | None:
        """Let the watches catch up and reconcile once, through any crash."""
        while True:
            self.cluster.show_to(self.cache)
            try:
                return await self.reconciler.reconcile(KEY)
            except Crash:
                self.crashes += 1
                self._start()
            except Conflict:
                continue


def ends_with(outcome: Outcome, reason: str = "", **fields: Any) -> Ending:
    """Let the runner end by itself; with these fields in its result."""

    def end(cluster: ScriptedCluster, job: str) -> None:
        run_id = cluster.body()["status"]["currentRun"]["id"]
        result = make_result(run_id, outcome, reason, **fields)
        cluster.end_pod(job, exit_code=outcome.exit_code, message=result)

    return end


def killed(cluster: ScriptedCluster, job: str) -> None:
    """Let the container be killed."""
    cluster.end_pod(job, exit_code=137)


def vanishes(cluster: ScriptedCluster, job: str) -> None:
    """Let the pod be gone, as with its node."""
    cluster.pods.pop(f"{job}-x", None)


async def play(operator: Operator, endings: list[Ending], *, turns: int = 40) -> None:
    """Let each Job's container start, end as told, and its Job be over; then look again.

    Raises
    ------
    AssertionError
        If it has not come to rest after so many turns.
    """
    cluster = operator.cluster
    for _ in range(turns):
        wait = await operator.look()
        job = _moving_job(cluster)
        if job is not None:
            _move(cluster, job, endings)
        elif wait is None:
            return
        else:
            cluster.clock.pass_time(wait)
    raise AssertionError(f"not at rest after {turns} turns: {cluster.body()['status']}")


def _moving_job(cluster: ScriptedCluster) -> str | None:
    return next((name for name, job in cluster.jobs.items() if not job.get("status")), None)


def _move(cluster: ScriptedCluster, job: str, endings: list[Ending]) -> None:
    pod = cluster.pods.get(f"{job}-x")
    if job in cluster.ended_jobs:
        cluster.end_job(job)
    elif pod is None:
        cluster.start_pod(job)
    else:
        endings[cluster.created_jobs.index(job)](cluster, job)
        cluster.ended_jobs.add(job)
