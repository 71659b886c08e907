"""Any order of events, crashes, stale reads, lost answers and clock jumps: the end is right.

Operators work step by step, a request at a time, while everything else happens in between.
"""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshmigrate.controller import names
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.event_manifest import event_id
from meshmigrate.controller.kubernetes_port import KubernetesPort
from meshmigrate.controller.observed import Json, Key, observe_job, observe_pod, observe_resource
from meshmigrate.controller.pod_template import RunnerImage
from meshmigrate.controller.port import ClusterError
from meshmigrate.controller.reconciler import Reconciler
from meshmigrate.domain.outcome import Outcome
from meshmigrate.observe.metrics import Metrics
from tests.scripted.exchange import Request
from tests.scripted.faults import (
    CONFLICT,
    CRASH_AFTER,
    CRASH_BEFORE,
    DONE_AND_FAILED,
    LOST,
    REFUSED,
    SERVER_ERROR,
    TOO_MANY,
    Crash,
    Fault,
)
from tests.scripted.transport import ScriptedTransport, requests_over
from tests.unit.controller.couriers import quiet_courier
from tests.unit.controller.driving import ALLOWED, Operator, ends_with, play
from tests.unit.controller.scripted_cluster import (
    KEY,
    OTHER_KEY,
    Clock,
    ScriptedCluster,
    other_body,
    resource_body,
)

FAULTS: Final = (
    *(CONFLICT, CRASH_AFTER, CRASH_BEFORE, DONE_AND_FAILED),
    *(LOST, REFUSED, SERVER_ERROR, TOO_MANY),
)
OUTCOMES: Final = (
    *(Outcome.SUCCEEDED, Outcome.ROLLED_BACK, Outcome.FAILED),
    *(Outcome.UNREACHABLE, Outcome.INTERRUPTED, Outcome.LOCK_TIMEOUT),
)
KEYS: Final = (KEY, OTHER_KEY)
EVENTUALLY: Final = [ends_with(Outcome.SUCCEEDED)] * 1000


class Pause:
    """Awaited before a request, it gives the others a turn."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Process:
    """An operator process: it works on one key at a time, as far as it is let."""

    def __init__(self, cluster: ScriptedCluster) -> None:
        self.cluster = cluster
        self.fault: Fault | None = None
        self.work: Coroutine[Any, Any, timedelta | None] | None = None
        self.restart()

    def restart(self) -> None:
        """Die, wherever it is, and begin with an empty memory."""
        work, self.work = self.work, None
        if work is not None:
            self.fault = CRASH_BEFORE  # for what it would still do on its way out
            with suppress(Crash):
                work.throw(Crash())
                work.send(None)
        self.fault = None
        self.cache = Cache()
        transport = ScriptedTransport(self.cluster.api, self._fate, depart=self._depart)
        self.reconciler = Reconciler(
            cluster=KubernetesPort(requests_over(transport), ()),
            cache=self.cache,
            metrics=Metrics("test"),
            courier=quiet_courier(self.cache, self.cluster.clock),
            clock=self.cluster.clock,
            image=RunnerImage("runner:1"),
            allowed=ALLOWED,
        )

    def begin(self, key: Key) -> None:
        """Take a key."""
        self.work = self.reconciler.reconcile(key)
        self.step()

    def step(self) -> None:
        """Go on until the next request is about to leave, or the key is done with."""
        assert self.work is not None
        try:
            self.work.send(None)
        except StopIteration:
            self.work = None
        except ClusterError as error:
            self.work = None
            if "no end after" in str(error):
                raise
        except Crash:
            self.work = None
            self.restart()

    def see(self, kinds: frozenset[str]) -> None:
        """Let some of the watches catch up, and others not."""
        cluster, cache = self.cluster, self.cache
        if "resources" in kinds:
            for uid, key in cache.uids().items():
                if key not in cluster.resources:
                    cache.drop_resource(key, uid)
            for body in cluster.resources.values():
                cache.put_resource(observe_resource(body))
        jobs = [observe_job(job) for job in cluster.jobs.values()]
        pods = [observe_pod(pod) for pod in cluster.pods.values()]
        for key in KEYS:
            if "jobs" in kinds:
                cache.replace_jobs(key, [job for job in jobs if job.resource == key])
            if "pods" in kinds:
                cache.replace_pods(key, [pod for pod in pods if pod.resource == key])

    async def _depart(self) -> None:
        await Pause()

    def _fate(self, request: Request) -> Fault | None:
        fault, self.fault = self.fault, None
        if fault is CONFLICT and request.path.endswith("/events"):
            return None  # what is created has no version that could be another
        return fault


class Interleavings(RuleBasedStateMachine):
    """Two resources on one database, and one operator."""

    operators = 1

    @initialize()
    def apply(self) -> None:
        """Begin with two resources that nobody has looked at."""
        self.cluster = ScriptedCluster(Clock())
        self.cluster.apply(resource_body())
        self.cluster.apply(other_body())
        self.processes = [Process(self.cluster) for _ in range(self.operators)]
        self.ends: dict[tuple[str, int], str] = {}
        self.stored: dict[str, Outcome] = {}

    @rule(
        which=st.integers(0, 1), kinds=st.frozensets(st.sampled_from(["resources", "jobs", "pods"]))
    )
    def see(self, which: int, kinds: frozenset[str]) -> None:
        """Events arrive, some of them."""
        self.processes[which % self.operators].see(kinds)

    @rule(which=st.integers(0, 1), key=st.sampled_from(KEYS), steps=st.integers(0, 30))
    def work(self, which: int, key: Key, steps: int) -> None:
        """Let an operator go on for some requests."""
        process = self.processes[which % self.operators]
        if process.work is None:
            process.see(frozenset({"resources"}) if not len(process.cache) else frozenset())
            process.begin(key)
        for _ in range(steps):
            if process.work is not None:
                process.step()

    @rule(which=st.integers(0, 1), fault=st.sampled_from(FAULTS))
    def disturb(self, which: int, fault: Fault) -> None:
        """Let its next request go wrong."""
        self.processes[which % self.operators].fault = fault

    @rule(which=st.integers(0, 1))
    def crash(self, which: int) -> None:
        """Kill an operator, and start it."""
        self.processes[which % self.operators].restart()

    @rule(seconds=st.sampled_from([1, 12, 40, 700, 4000, -300]))
    def pass_time(self, seconds: int) -> None:
        """Time passes, or the clock is set back."""
        self.cluster.clock.pass_time(timedelta(seconds=seconds))

    @rule(key=st.sampled_from(KEYS), version=st.integers(1, 9))
    def edit(self, key: Key, version: int) -> None:
        """Somebody wants another version."""
        if key in self.cluster.resources:
            self.cluster.set_spec(key, target=version)

    @rule(key=st.sampled_from(KEYS), suspend=st.booleans())
    def suspend(self, key: Key, suspend: bool) -> None:
        """Somebody suspends, or lets go on."""
        if key in self.cluster.resources:
            self.cluster.set_spec(key, suspend=suspend)

    @rule(key=st.sampled_from(KEYS), number=st.integers(0, 9))
    def request(self, key: Key, number: int) -> None:
        """Somebody asks for another run."""
        if key in self.cluster.resources:
            moment = f"2026-01-02T0{number}:00:00Z"
            self.cluster.annotate(names.RUN_REQUEST_ANNOTATION, moment, key)

    @rule(key=st.sampled_from(KEYS))
    def cancel(self, key: Key) -> None:
        """Somebody cancels what runs."""
        run = self._status(key).get("currentRun")
        if run:
            self.cluster.annotate(names.CANCEL_ANNOTATION, run["id"], key)

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: Key) -> None:
        """Somebody deletes a resource."""
        if key in self.cluster.resources:
            self.cluster.delete(key)

    @precondition(lambda self: self._startable())
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        """Start a container, as the kubelet does."""
        self.cluster.start_pod(data.draw(st.sampled_from(self._startable())))

    @precondition(lambda self: self._running())
    @rule(data=st.data(), outcome=st.sampled_from(OUTCOMES))
    def end(self, data: st.DataObject, outcome: Outcome) -> None:
        """Let a container end; of a run that has ended before it gives the stored result."""
        job = data.draw(st.sampled_from(self._running()))
        run = str(self.cluster.told_to(job).run.id)
        if outcome.final:
            outcome = self.stored.setdefault(run, outcome)
        ends_with(self.stored.get(run, outcome))(self.cluster, job)
        self.cluster.ended_jobs.add(job)

    @precondition(lambda self: self._running())
    @rule(data=st.data(), how=st.sampled_from(["killed", "gone"]))
    def lose(self, data: st.DataObject, how: str) -> None:
        """Kill a container, or its node."""
        job = data.draw(st.sampled_from(self._running()))
        if how == "killed":
            self.cluster.end_pod(job, exit_code=137)
        else:
            self.cluster.pods.pop(f"{job}-x")
        self.cluster.ended_jobs.add(job)

    @precondition(lambda self: self._endable())
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        """Say that a Job is over, as its controller does."""
        self.cluster.end_job(data.draw(st.sampled_from(self._endable())))

    @invariant()
    def each_attempt_has_one_job(self) -> None:
        """No Job is created twice: its name is the attempt's."""
        if hasattr(self, "cluster"):
            created = self.cluster.created_jobs
            assert len(created) == len(set(created)), created

    @invariant()
    def each_run_ends_once(self) -> None:
        """Whatever end of a run is stored is never another, and numbers only grow."""
        for body in self.cluster.resources.values() if hasattr(self, "cluster") else ():
            status = body["status"]
            numbers = [entry["number"] for entry in status.get("history", [])]
            assert numbers == sorted(set(numbers), reverse=True)
            for entry in status.get("history", []):
                run = (body["metadata"]["uid"], entry["number"])
                assert self.ends.setdefault(run, entry["outcome"]) == entry["outcome"]

    def teardown(self) -> None:
        """Let a new operator go on undisturbed: it comes to the end, and then writes nothing."""
        if not hasattr(self, "cluster"):
            return
        for process in self.processes:
            process.restart()
        cluster = self.cluster
        for key in cluster.resources:
            cluster.set_spec(key, suspend=False)
        asyncio.run(play(Operator(cluster), EVENTUALLY, turns=200))
        for body in cluster.resources.values():
            assert "currentRun" not in body["status"]
            assert body["status"]["phase"] in {"Succeeded", *(o.value for o in Outcome)}
            assert names.FINALIZER not in body["metadata"].get("finalizers", [])
        assert all(job.get("status") for job in cluster.jobs.values())
        writes = self._writes()
        asyncio.run(play(Operator(cluster), EVENTUALLY))
        assert self._writes() == writes
        self.each_attempt_has_one_job()
        self.each_run_ends_once()
        self._each_end_was_told()

    def _each_end_was_told(self) -> None:
        """Whoever stored an end and died, or did not hear that it was stored: there is an event."""
        there = {body["metadata"]["uid"] for body in self.cluster.resources.values()}
        ends = [event_id(uid, f"{number}/end") for uid, number in self.ends if uid in there]
        told = {name.rpartition(".")[2] for name in self.cluster.told}
        assert set(ends) <= told

    def _writes(self) -> int:
        return len(self.cluster.api.changes)

    def _status(self, key: Key) -> Json:
        body = self.cluster.resources.get(key)
        return body["status"] if body else {}

    def _startable(self) -> list[str]:
        jobs, pods = self.cluster.jobs, self.cluster.pods
        taken = self.cluster.ended_jobs
        return [j for j in jobs if f"{j}-x" not in pods and j not in taken and _open(jobs[j])]

    def _running(self) -> list[str]:
        return [
            name.removesuffix("-x")
            for name, pod in self.cluster.pods.items()
            if "running" in pod["status"]["containerStatuses"][0]["state"]
        ]

    def _endable(self) -> list[str]:
        jobs = self.cluster.jobs
        return [name for name in jobs if name in self.cluster.ended_jobs and _open(jobs[name])]


class OneOperator(Interleavings):
    """With one operator there is never a second Job beside one that may work."""

    @invariant()
    def one_job_is_alive(self) -> None:
        """Of all Jobs on the database at most one may still start or run its container."""
        if hasattr(self, "cluster"):
            jobs = self.cluster.jobs
            alive = [j for j in jobs if _open(jobs[j]) and j not in self.cluster.ended_jobs]
            assert len(alive) <= 1, alive


class TwoOperators(Interleavings):
    """Two that are both active, each with a cache of its own."""

    operators = 2


def _open(job: Json) -> bool:
    return not job.get("status") and "deletionTimestamp" not in job["metadata"]


_SETTINGS = settings(
    deadline=None,
    max_examples=30,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
TestOneOperator = OneOperator.TestCase
TestOneOperator.settings = _SETTINGS
TestTwoOperators = TwoOperators.TestCase
TestTwoOperators.settings = _SETTINGS
