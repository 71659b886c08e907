"""Any order of events, crashes, stale reads, lost answers and clock jumps: the end is right.

Operators work step by step, a request at a time, while everything else happens in between.
"""

import asyncio
from collections import defaultdict
from datetime import timedelta
from typing import Final

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from meshmigrate.controller import names
from meshmigrate.controller.clock import parse_time
from meshmigrate.controller.closing import SUPERSEDED
from meshmigrate.controller.event_manifest import event_id
from meshmigrate.controller.observed import Json, Key
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import PlanSummary
from meshmigrate.observe.notifications.notice import RETRYING
from tests.scripted.faults import (
    CONFLICT,
    CRASH_AFTER,
    CRASH_BEFORE,
    DONE_AND_FAILED,
    GONE,
    LOST,
    REFUSED,
    SERVER_ERROR,
    TOO_MANY,
    Fault,
)
from tests.unit.controller.couriers import CHANNELS
from tests.unit.controller.driving import Operator, ends_with, play
from tests.unit.controller.scripted_cluster import (
    Clock,
    ScriptedCluster,
    other_body,
    resource_body,
)
from tests.unit.controller.stepwise import KEYS, Process

FAULTS: Final = (
    *(CONFLICT, CRASH_AFTER, CRASH_BEFORE, DONE_AND_FAILED, GONE),
    *(LOST, REFUSED, SERVER_ERROR, TOO_MANY),
)
OUTCOMES: Final = (
    *(Outcome.SUCCEEDED, Outcome.ROLLED_BACK, Outcome.FAILED),
    *(Outcome.UNREACHABLE, Outcome.INTERRUPTED, Outcome.LOCK_TIMEOUT),
)
NEVER: Final = "9999-01-01T00:00:00Z"


class Runner:
    """What the runners do to the database, and the people to the plans."""

    def __init__(self, cluster: ScriptedCluster, guarded: frozenset[Key]) -> None:
        self.cluster = cluster
        self.guarded = {str(key) for key in guarded}
        self.plan = 0
        self.approved: defaultdict[Key, set[str]] = defaultdict(set)
        self.asked: dict[str, str] = {}
        """The plan that a run asked to be approved."""
        self.begun: set[str] = set()
        self.stored: dict[str, Outcome] = {}

    def end(self, job: str, outcome: Outcome) -> None:
        """Let a container end; of a run that has ended before it gives the stored result.

        One that finds the database's lock taken can only give up.
        """
        told = self.cluster.told_to(job)
        run, digest = str(told.run.id), f"sha256:{self.plan:064x}"
        if told.run.intent == "apply" and run not in self.begun:
            guarded = told.resource in self.guarded
            assert (told.policy.approval == "Required") == guarded
            if guarded and told.approved_plan != digest:
                self.asked[run] = digest
                plan = PlanSummary(digest=digest, count=2)
                ends_with(Outcome.AWAITING_APPROVAL, plan=plan)(self.cluster, job)
                return
            assert not guarded or digest in self.approved[Key(*told.resource.split("/"))]
        if outcome.final and run not in self.stored and not self._has_lock(job):
            outcome = Outcome.LOCK_TIMEOUT
        self.begun.add(run)
        if outcome.final:
            outcome = self.stored.setdefault(run, outcome)
        ends_with(self.stored.get(run, outcome))(self.cluster, job)

    def _has_lock(self, job: str) -> bool:
        """Say whether no container that still runs was there before this one."""
        states = (
            (name, pod["status"]["containerStatuses"][0]["state"])
            for name, pod in self.cluster.pods.items()
        )
        return next(name for name, state in states if "running" in state) == f"{job}-x"


class Interleavings(RuleBasedStateMachine):
    """Two resources on one database, and one operator."""

    operators = 1

    @initialize(guarded=st.frozensets(st.sampled_from(KEYS)))
    def apply(self, guarded: frozenset[Key]) -> None:
        """Begin with two resources that nobody has looked at; plans of some must be approved."""
        self.cluster = ScriptedCluster(Clock())
        for body, key in zip((resource_body(), other_body()), KEYS, strict=True):
            body["spec"]["policy"]["approval"] = "Required" if key in guarded else "None"
            self.cluster.apply(body)
        self.processes = [Process(self.cluster) for _ in range(self.operators)]
        self.runner = Runner(self.cluster, guarded)
        self.ends: dict[tuple[str, int], str] = {}
        self.overdue: set[str] = set()

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
        self.overdue |= {
            name
            for name, pod in self.cluster.pods.items()
            if parse_time(pod["metadata"].get("deletionTimestamp", NEVER)) < self.cluster.clock()
        }

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

    @rule(key=st.sampled_from(KEYS), policy=st.sampled_from(["Wait", "Cancel"]))
    def settle_deletion(self, key: Key, policy: str) -> None:
        """Somebody says what becomes of a runner at a deletion."""
        if key in self.cluster.resources:
            self.cluster.set_spec(key, deletionPolicy=policy)

    @rule(key=st.sampled_from(KEYS))
    def approve(self, key: Key) -> None:
        """Somebody approves the plan that is shown."""
        plan = self._status(key).get("plan")
        if plan:
            self.runner.approved[key].add(plan["digest"])
            self.cluster.set_spec(key, approvedPlan=plan["digest"])

    @rule()
    def change_plan(self) -> None:
        """Somebody changes what the next run would do."""
        self.runner.plan += 1

    @rule(which=st.integers(0, 1), refused=st.booleans())
    def deliver(self, which: int, refused: bool) -> None:
        """Send what is to be told, and let it be taken or not."""
        asyncio.run(self.processes[which % self.operators].deliver(refused=refused))

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
        """Let a container end."""
        job = data.draw(st.sampled_from(self._running()))
        self.runner.end(job, outcome)
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

    @invariant()
    def the_plan_that_is_shown_is_the_one_to_be_approved(self) -> None:
        """Whoever approves it approves what the runner last said that it would do."""
        for body in self.cluster.resources.values() if hasattr(self, "cluster") else ():
            status = body["status"]
            if status["phase"] == Outcome.AWAITING_APPROVAL:
                assert status["plan"]["digest"] == self.runner.asked[status["lastRun"]["id"]]

    @invariant()
    def of_each_run_one_end_is_told(self) -> None:
        """However often, and by whichever operator."""
        for run, outcome in self._told() if hasattr(self, "cluster") else ():
            stored = {entry for entry in self._told() if entry[0] == run}
            assert stored == {(run, outcome)}

    def teardown(self) -> None:
        """Let a new operator go on undisturbed: it comes to the end, and then writes nothing."""
        if not hasattr(self, "cluster"):
            return
        for process in self.processes:
            process.restart()
        cluster = self.cluster
        for key in cluster.resources:
            cluster.set_spec(key, suspend=False)
        operator = Operator(cluster, channels=CHANNELS)
        eventually = [lambda _, job: self.runner.end(job, Outcome.SUCCEEDED)] * 1000
        asyncio.run(play(operator, eventually, turns=200))
        for _ in range(2):  # what was asked for long ago may not be the plan any more
            for key in KEYS:
                self.approve(key)
            asyncio.run(play(operator, eventually, turns=200))
        told = {*self._told(), *((n.run_id, n.outcome) for n in operator.sink.told)}
        for body in cluster.resources.values():
            status = body["status"]
            assert "currentRun" not in status
            assert status["phase"] in {o.value for o in Outcome} - {Outcome.AWAITING_APPROVAL}
            assert names.FINALIZER not in body["metadata"].get("finalizers", [])
            entries = status.get("notifications", ())
            assert {entry["state"] for entry in entries} <= {"Delivered", "GivenUp"}
            ended = {(e["id"], e["outcome"]) for e in status["history"]}
            untold = {each for each in ended - told if each[1] != SUPERSEDED}
            assert len(untold) <= sum(entry["state"] == "GivenUp" for entry in entries)
        assert all(job.get("status") for job in cluster.jobs.values())
        writes = self._writes()
        asyncio.run(play(Operator(cluster, channels=CHANNELS), eventually))
        assert self._writes() == writes
        self.each_attempt_has_one_job()
        self.each_run_ends_once()
        self._each_end_has_its_event()

    def _each_end_has_its_event(self) -> None:
        """Whoever stored an end and died, or did not hear that it was stored: somebody told it."""
        there = {body["metadata"]["uid"] for body in self.cluster.resources.values()}
        ends = {event_id(uid, f"{number}/end") for uid, number in self.ends if uid in there}
        assert ends <= {name.rpartition(".")[2] for name in self.cluster.told}

    def _told(self) -> set[tuple[str, str]]:
        notices = [notice for process in self.processes for notice in process.sink.told]
        return {(n.run_id, n.outcome) for n in notices if n.outcome != RETRYING}

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
    """Two that are both active, each with a cache of its own.

    They may let two resources on one database start; the database lets one of them work.
    """

    operators = 2

    @invariant()
    def one_attempt_is_at_work(self) -> None:
        """Of the attempts of a resource at most one has a container that may work."""
        if hasattr(self, "cluster"):
            pods = [self.cluster.pods[f"{job}-x"] for job in self._running()]
            there = [pod["metadata"] for pod in pods if pod["metadata"]["name"] not in self.overdue]
            working = [meta["annotations"][names.RESOURCE_ANNOTATION] for meta in there]
            assert len(working) == len(set(working)), working


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
