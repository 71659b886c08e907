"""Bringing one resource forward: observe, decide, act, until there is nothing left to do now."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from meshmigrate.controller import names
from meshmigrate.controller.absence import note_absence
from meshmigrate.controller.actor import Actor
from meshmigrate.controller.admission import Allowed
from meshmigrate.controller.announcer import Announcer
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.clock import WallClock
from meshmigrate.controller.courier import Courier
from meshmigrate.controller.decide import CreateJob, SetFinalizers, Step, Wait, decide
from meshmigrate.controller.observed import Key, ObservedJob
from meshmigrate.controller.observer import Observer
from meshmigrate.controller.pod_template import RunnerImage
from meshmigrate.controller.port import (
    AlreadyExists,
    ClusterError,
    ClusterPort,
    Conflict,
    NotFound,
)
from meshmigrate.controller.tracing import step_span
from meshmigrate.domain.trace_context import is_collector_named
from meshmigrate.observe.metrics import Metrics

_MAX_STEPS: Final = 20
"""No path through `decide` is longer; more means that two of its rules undo each other."""


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
        self._cache = cache
        self._announcer = Announcer(cluster=cluster, metrics=metrics, clock=clock)
        self._observer = Observer(
            cluster=cluster,
            cache=cache,
            courier=courier,
            announcer=self._announcer,
            clock=clock,
            allowed=allowed,
            traced=is_collector_named(image.environment),
        )
        self._actor = Actor(
            cluster=cluster,
            cache=cache,
            metrics=metrics,
            announcer=self._announcer,
            image=image,
            allowed=allowed,
        )

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
            await self._observer.refresh(key)
            raise
        except NotFound:
            await self._observer.refresh(key)
            return timedelta(0) if self._cache.resource(key) else None

    async def _take_steps(self, key: Key) -> timedelta | None:
        foreign: tuple[ObservedJob, ...] = ()
        refusal = confirmed = ""
        listed: set[str] = set()
        for _ in range(_MAX_STEPS):
            observed = await self._observer.observe(key, listed)
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
                confirmed = await self._observer.refresh(key)
                continue
            note_absence(step, observed.resource, listed)
            try:
                with step_span(observed.resource, step):
                    confirmed = await self._actor.act(observed.resource, step)
            except AlreadyExists:
                foreign = await self._observer.meet_namesake(observed.resource)
            except (Conflict, NotFound):
                raise
            except ClusterError as error:
                # A webhook that fails is a server error, and as much a refusal as a quota.
                if not isinstance(step, CreateJob):
                    raise
                refusal = str(error)
        raise ClusterError(f"{key}: no end after {_MAX_STEPS} steps; looking again later")


def _has_time(step: Step) -> bool:
    """Say whether what is to be told comes first: work does not wait for it, a farewell does."""
    leaves = isinstance(step, SetFinalizers) and names.FINALIZER not in step.finalizers
    return leaves or isinstance(step, Wait)
