"""The operator's metrics. Labels are bounded; what changes with the resources is read at scrape."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_RUN_BUCKETS: Final = (0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)
_LOCK_BUCKETS: Final = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600)
_FAST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
_ROLLBACK_OUTCOMES: Final = ("RolledBack", "RollbackFailed", "Cancelled")
_RECONCILE_RESULTS: Final = ("success", "conflict", "error", "bug")
_NOTIFICATION_OUTCOMES: Final = ("delivered", "failed", "given_up")


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run whose result has just been stored."""

    namespace: str
    outcome: str
    reason: str
    duration_seconds: float
    lock_wait_seconds: float
    statement_seconds: float


@dataclass(frozen=True, slots=True)
class ResourceState:
    """A resource as the metrics show it."""

    namespace: str
    name: str
    database: str
    phase: str
    reason: str
    healthy: bool


class Metrics:
    """Everything ``/metrics`` shows, in a registry of its own."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._runs = self._counter("runs", "Runs whose end was stored.", "namespace outcome reason")
        self._run_duration = self._histogram(
            "run_duration_seconds", "Time a run took, by the database's clock.", _RUN_BUCKETS
        )
        self._lock_wait = self._histogram(
            "lock_wait_seconds", "Time a run waited for the advisory lock.", _LOCK_BUCKETS
        )
        self._statement_time = self._histogram(
            "statement_seconds", "Time the statements of a run's last attempt took.", _RUN_BUCKETS
        )
        self._rollbacks = self._counter("rollbacks", "Runs that went back.", "outcome")
        self.notifications = self._counter(
            "notifications", "Attempts to deliver a notification.", "outcome"
        )
        self.reconciles = self._counter("reconcile", "Reconciliations.", "result")
        self.reconcile_duration = self._histogram(
            "reconcile_duration_seconds", "Time a reconciliation took.", _FAST_BUCKETS
        )
        self.queue_latency = self._histogram(
            "queue_latency_seconds", "Time a key waited for a worker.", _FAST_BUCKETS
        )
        self._queue_depth = Gauge(
            "meshmigrate_queue_depth", "Keys that wait for a worker.", registry=self.registry
        )
        self.api_requests = self._counter(
            "api_requests",
            "Requests to the Kubernetes API, except watches; code 0 is no answer.",
            "verb code",
        )
        self.leader = Gauge(
            "meshmigrate_leader",
            "1 of the operator that works, 0 of one that stands by.",
            registry=self.registry,
        )
        build = Gauge(
            "meshmigrate_build_info", "The release; always 1.", ["version"], registry=self.registry
        )
        build.labels(version).set(1)
        # A counter that is there from the start shows its first increase too.
        for counter, values in (
            (self._rollbacks, _ROLLBACK_OUTCOMES),
            (self.notifications, _NOTIFICATION_OUTCOMES),
            (self.reconciles, _RECONCILE_RESULTS),
        ):
            for value in values:
                counter.labels(value)

    def run_finished(self, run: FinishedRun) -> None:
        """Count a run at the moment its end is stored, and only then."""
        self._runs.labels(run.namespace, run.outcome, run.reason).inc()
        self._run_duration.observe(run.duration_seconds)
        self._lock_wait.observe(run.lock_wait_seconds)
        self._statement_time.observe(run.statement_seconds)
        if run.outcome in _ROLLBACK_OUTCOMES:
            self._rollbacks.labels(run.outcome).inc()

    def show_queue(self, depth: Callable[[], float]) -> None:
        """Show the depth of the work queue as it is when asked."""
        self._queue_depth.set_function(depth)

    def show_resources(self, states: Callable[[], Iterable[ResourceState]]) -> None:
        """Show the resources as they are when asked."""
        self.registry.register(_ResourceCollector(states))

    def show_event_ages(self, ages: Callable[[], dict[str, float]]) -> None:
        """Show by kind how long ago the watch brought its latest event, in seconds."""
        self.registry.register(_EventAgeCollector(ages))

    def _counter(self, name: str, text: str, labels: str) -> Counter:
        return Counter(f"meshmigrate_{name}", text, labels.split(), registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"meshmigrate_{name}", text, buckets=buckets, registry=self.registry)


class _ResourceCollector(Collector):
    def __init__(self, states: Callable[[], Iterable[ResourceState]]) -> None:
        self._states = states

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        states = list(self._states())
        phases = GaugeMetricFamily(
            "meshmigrate_migrations", "Resources.", labels=["namespace", "phase"]
        )
        for labels, count in Tally((s.namespace, s.phase) for s in states).items():
            phases.add_metric(labels, count)
        yield phases
        unhealthy = GaugeMetricFamily(
            "meshmigrate_migration_unhealthy",
            "Resources that need a person; always 1.",
            labels=["namespace", "name", "database", "phase", "reason"],
        )
        for s in states:
            if not s.healthy:
                unhealthy.add_metric([s.namespace, s.name, s.database, s.phase, s.reason], 1)
        yield unhealthy


class _EventAgeCollector(Collector):
    def __init__(self, ages: Callable[[], dict[str, float]]) -> None:
        self._ages = ages

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        ages = GaugeMetricFamily(
            "meshmigrate_event_age_seconds",
            "Time since a watch brought its latest event.",
            labels=["kind"],
        )
        for kind, age in self._ages().items():
            ages.add_metric([kind], age)
        yield ages
