"""Taking over from a runner that is frozen or lost: it is ended, and fenced when it wakes up."""

import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from msgspec.structs import replace

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import LockPolicy, Policy, RunSpec
from meshmigrate.engine.events import EventName
from meshmigrate.engine.tools import Patience
from tests.postgres.harness import GATE, Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.test_crash import Gate, marks, one_before_the_gate, open_gate

StartRunner = Callable[[RunSpec], Runner]

AT_ONCE = Patience(idle_holder=0.1)
BRIEFLY = Policy(lock=LockPolicy(acquire_timeout_seconds=1))


def freeze_idle(database: Database, runner: Runner, gate: Gate) -> None:
    """Freeze a runner in version 1; the server finishes its statement and waits for it."""
    eventually(database.waits_at_gate, "is in version 1")
    runner.process.send_signal(signal.SIGSTOP)
    open_gate(gate)
    idle = "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'"
    eventually(lambda: database.query(idle), "its session is idle")


@pytest.mark.parametrize("same_run", [False, True])
def test_a_frozen_runner_is_taken_over_and_fenced_when_it_wakes_up(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate, *, same_run: bool
) -> None:
    """Faults 22 and 23: by --take-over, or by the next attempt of the run; files apply once."""
    one_before_the_gate(database, project)
    frozen = make_spec(project)
    runner = start_runner(frozen)
    freeze_idle(database, runner, gate)
    run_id = frozen.run.id if same_run else None
    spec = make_spec(project, run_id=run_id, attempt=2 if same_run else 1)
    spec = replace(spec, supersedes=None if same_run else frozen.run.id)
    done = attempt(database, spec, patience=AT_ONCE)
    assert done.outcome is Outcome.SUCCEEDED
    (ended,) = done.messages(EventName.TAKING_OVER)
    assert f"run {frozen.run.id}" in ended
    runner.process.send_signal(signal.SIGCONT)
    if same_run:
        assert runner.wait() == 0, "the stored result"
        assert runner.encoded == done.encoded
    else:
        assert runner.wait() == 30
        assert runner.result.reason == Reason.ABANDONED
    assert marks(database) == ["one", "three", "two"]
    applied = [version for event, version in database.log if event == "Applied"]
    assert applied == ["0", "1", "2", "3"]


def test_a_runner_that_wakes_up_while_the_other_works_is_fenced(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Fault 23: the lease has another holder; it ends at once, and waits for no lock."""
    one_before_the_gate(database, project)
    frozen = make_spec(project)
    runner = start_runner(frozen)
    freeze_idle(database, runner, gate)
    spec = make_spec(project, run_id=frozen.run.id, attempt=2)
    with ThreadPoolExecutor(2) as background:
        closed = background.submit(gate.execute, "SELECT pg_advisory_lock(%s)", [GATE])
        eventually(database.waits_at_gate, "the gate closes behind the frozen one")
        working = background.submit(attempt, database, spec, patience=AT_ONCE)
        closed.result()
        eventually(database.waits_at_gate, "the other one is in version 1")
        runner.process.send_signal(signal.SIGCONT)
        assert runner.wait() == 30
        assert runner.result.reason == Reason.FENCED
        open_gate(gate)
        assert working.result().outcome is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]


def test_a_runner_of_another_run_is_not_ended(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Idle or not: without being asked to take over just that run, one waits; the hint helps."""
    one_before_the_gate(database, project)
    frozen = make_spec(project)
    runner = start_runner(frozen)
    freeze_idle(database, runner, gate)
    spec = replace(make_spec(project, policy=BRIEFLY), supersedes=uuid4())
    done = attempt(database, spec, patience=AT_ONCE)
    assert done.outcome is Outcome.LOCK_TIMEOUT
    assert f"on run {frozen.run.id}" in done.result.message
    assert "idle for" in done.result.message
    assert done.result.failure is not None
    assert f"--take-over {frozen.run.id}" in done.result.failure.hint
    assert done.messages(EventName.TAKING_OVER) == []


def test_a_runner_that_works_is_never_ended(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Its statement may be at its end: even the run that may be taken over is waited for."""
    one_before_the_gate(database, project)
    working = make_spec(project)
    runner = start_runner(working)
    eventually(database.waits_at_gate, "is in version 1")
    spec = replace(make_spec(project, policy=BRIEFLY), supersedes=working.run.id)
    done = attempt(database, spec, patience=AT_ONCE)
    assert done.outcome is Outcome.LOCK_TIMEOUT
    assert "working for" in done.result.message
    open_gate(gate)
    assert runner.wait() == 0


def test_an_idle_runner_is_given_its_time(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """A minute, unless it is said otherwise: a slow network is no loss."""
    one_before_the_gate(database, project)
    frozen = make_spec(project)
    runner = start_runner(frozen)
    freeze_idle(database, runner, gate)
    spec = replace(make_spec(project, policy=BRIEFLY), supersedes=frozen.run.id)
    assert attempt(database, spec).outcome is Outcome.LOCK_TIMEOUT
    runner.process.send_signal(signal.SIGCONT)
    assert runner.wait() == 0
