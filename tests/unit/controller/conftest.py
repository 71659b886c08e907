"""A resource whose first run has its Job: where most stories begin."""

import asyncio
from dataclasses import dataclass

import pytest

from meshmigrate.controller import names
from meshmigrate.controller.observed import Json
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.driving import Operator, ends_with
from tests.unit.controller.scripted_cluster import Clock, ScriptedCluster, resource_body


@dataclass(frozen=True)
class Story:
    """A cluster and the operator in it."""

    cluster: ScriptedCluster
    operator: Operator

    def look(self) -> None:
        """Let the operator do what it does now."""
        asyncio.run(self.operator.look())

    def run(self) -> None:
        """Let the container of the attempt in flight start."""
        self.cluster.start_pod(self.job)
        self.look()

    def back_off(self, reason: str = "DatabaseUnreachable") -> None:
        """Let the attempt in flight end so that another one follows."""
        job = self.job
        ends_with(Outcome.UNREACHABLE, reason)(self.cluster, job)
        self.cluster.end_job(job)
        self.look()

    def cancel(self) -> None:
        """Ask for the run in flight to be cancelled."""
        self.cluster.annotate(names.CANCEL_ANNOTATION, self.status["currentRun"]["id"])
        self.look()

    def finish(self, outcome: Outcome = Outcome.SUCCEEDED) -> None:
        """Let the run in flight end, and its Job be over."""
        job = self.job
        ends_with(outcome)(self.cluster, job)
        self.look()
        self.cluster.end_job(job)
        self.look()

    @property
    def status(self) -> Json:
        """The status as stored."""
        status: Json = self.cluster.body()["status"]
        return status

    @property
    def job(self) -> str:
        """The Job of the attempt in flight."""
        name: str = self.status["currentRun"]["jobName"]
        return name

    def conditions(self) -> dict[str, str]:
        """Give the conditions as type to status."""
        return {c["type"]: c["status"] for c in self.status["conditions"]}

    def ready(self) -> Json:
        """Give the condition Ready."""
        found: Json = next(c for c in self.status["conditions"] if c["type"] == "Ready")
        return found


@pytest.fixture
def applied() -> Story:
    """Give a resource that was just applied."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(resource_body())
    return Story(cluster, Operator(cluster))


@pytest.fixture
def started(applied: Story) -> Story:
    """Give a resource whose first run has its Job, no pod yet."""
    applied.look()
    return applied
