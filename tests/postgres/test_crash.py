"""kill -9 anywhere: the next attempt ends right, and no file runs twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.lock import LOCK_KEY
from tests.postgres.harness import WAIT_AT_GATE, Database, Project, attempt, eventually, make_spec
from tests.postgres.processes import Runner

Gate = psycopg.Connection[tuple[object, ...]]
StartRunner = Callable[[RunSpec], Runner]

MARK = "INSERT INTO marks VALUES ('{}');\n"


# Table locks are granted in order: behind the guard of the file that runs, in front of that of
# the next one.
QUEUE_BEFORE_NEXT_FILE = "LOCK TABLE meshmigrate.lease IN EXCLUSIVE MODE"


def three_files(project: Project, *, waiting: str = "", third: str = MARK.format("three")) -> None:
    """Write three versions that leave a mark each; the named one waits at the gate."""
    texts = {"1": "CREATE TABLE marks (mark text);\n" + MARK.format("one"), "2": MARK.format("two")}
    downs = {"1": "DROP TABLE marks;", "2": "DELETE FROM marks WHERE mark = 'two';"}
    for version, text in (texts | {"3": third}).items():
        gate = WAIT_AT_GATE if waiting == version else ""
        project.migration(version, text + gate, downs.get(version))


def one_before_the_gate(database: Database, project: Project) -> None:
    """Apply version 0, and write 1, which waits at the gate with weak locks only, 2 and 3."""
    three_files(project)
    project.migration("0", "CREATE TABLE marks (mark text)")
    project.migration("1", MARK.format("one") + WAIT_AT_GATE)
    assert attempt(database, make_spec(project, target="0")).outcome is Outcome.SUCCEEDED


def marks(database: Database) -> list[str]:
    """Give the marks the files have left, without that of the gate."""
    return [m for (m,) in database.query("SELECT mark FROM marks ORDER BY 1") if m != "gate"]


def kill_when(runner: Runner, condition: Callable[[], object], what: str) -> None:
    """Kill a runner at an exact place."""
    eventually(condition, f"{what}; runner said: {runner.output}")
    runner.kill()


def next_attempt(database: Database, spec: RunSpec, project: Project) -> Outcome:
    """Run the same run's next attempt."""
    return attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).outcome


def open_gate(gate: Gate) -> None:
    """Let through whoever waits."""
    gate.execute("SELECT pg_advisory_unlock_all()")


def test_killed_before_the_lock(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Fault 1: nothing has happened; the next attempt does everything."""
    three_files(project)
    spec = make_spec(project)
    with database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
        runner = start_runner(spec)
        kill_when(runner, lambda: "waiting-for-lock" in runner.output, "waits for the lock")
    assert not database.has_ledger
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert marks(database) == ["one", "three", "two"]


def test_killed_while_holding_the_lock_idle(
    database: Database, project: Project, start_runner: StartRunner
) -> None:
    """Fault 2: the lock is free as soon as the server notices, in about two seconds."""
    three_files(project)
    attempt(database, make_spec(project, target="1"))
    spec = make_spec(project)
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute("SELECT 1 FROM meshmigrate.lease FOR UPDATE")
        runner = start_runner(spec)
        kill_when(runner, database.lock_holders, "holds the lock")
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert database.versions == ["1", "2", "3"]


def test_killed_inside_a_transaction(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Fault 3: the server rolls the file back; the ones before it stay, and do not run again."""
    three_files(project, waiting="2")
    spec = make_spec(project)
    kill_when(start_runner(spec), database.waits_at_gate, "is in version 2")
    eventually(lambda: not database.waits_at_gate(), "the server ends the session")
    assert database.versions == ["1"]
    assert marks(database) == ["one"]
    open_gate(gate)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.attempt, done.applied.count) == (2, 3)
    assert marks(database) == ["one", "three", "two"]


def test_killed_between_two_files(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Version 1 is committed and 2 has not begun: the next attempt begins there."""
    one_before_the_gate(database, project)
    spec = make_spec(project)
    runner = start_runner(spec)
    eventually(database.waits_at_gate, "is in version 1")
    with database.connect() as other, ThreadPoolExecutor(1) as background:
        other.execute("BEGIN")
        queued = background.submit(other.execute, QUEUE_BEFORE_NEXT_FILE)
        eventually(lambda: waits_for_lease(database, other), "queues for the lease")
        open_gate(gate)
        queued.result()
        assert database.versions == ["0", "1"]
        runner.kill()
    assert next_attempt(database, spec, project) is Outcome.SUCCEEDED
    assert database.versions == ["0", "1", "2", "3"]
    assert marks(database) == ["one", "three", "two"]


def waits_for_lease(database: Database, connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Whether that connection's statement waits for a lock."""
    waiting = "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted"
    return bool(database.query(waiting, connection.info.backend_pid))


def test_killed_in_the_middle_of_going_back(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """The next attempt finishes the way back and reports the failure that began it."""
    three_files(project, third="SELECT 1 / 0")
    project.migration("2", MARK.format("two"), "DELETE FROM marks WHERE mark = 'two';")
    project.migration("1", "CREATE TABLE marks (mark text)", WAIT_AT_GATE + "DROP TABLE marks;")
    spec = make_spec(project)
    kill_when(start_runner(spec), database.waits_at_gate, "rolls back version 1")
    eventually(lambda: not database.waits_at_gate(), "the server ends the session")
    assert database.versions == ["1"]
    open_gate(gate)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.failure is not None
    assert (done.failure.version, done.failure.sqlstate) == ("3", "22012")
    assert (done.rolled_back.count, done.rolled_back.first, done.rolled_back.last) == (2, "2", "1")
    assert database.versions == []
    assert [event for event, version in database.log if version == "2"] == ["Applied", "RolledBack"]


def test_another_run_finishes_a_way_back_that_it_finds(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """From the ledger's own scripts: the new source no longer has those files."""
    project.migration("1", "CREATE TABLE marks (mark text)", WAIT_AT_GATE + "DROP TABLE marks;")
    project.migration("2", "SELECT 1 / 0")
    spec = make_spec(project)
    kill_when(start_runner(spec), database.waits_at_gate, "rolls back version 1")
    open_gate(gate)
    for folder in ("migrations", "rollbacks"):
        project.root.joinpath(folder, "1_m.sql").unlink()
    project.migration("2", "CREATE TABLE b (x int)")
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.SUCCEEDED
    assert database.versions == ["2"]
    assert database.scalar("SELECT to_regclass('marks') IS NULL")
    rows = database.query("SELECT outcome FROM meshmigrate.run WHERE id = %s", spec.run.id)
    assert rows == [("RolledBack",)]


def test_another_run_closes_a_way_forward_that_it_finds(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """What is committed stays, the rest is applied by the new run; the old one is Abandoned."""
    three_files(project, waiting="2")
    spec = make_spec(project)
    kill_when(start_runner(spec), database.waits_at_gate, "is in version 2")
    open_gate(gate)
    done = attempt(database, make_spec(project)).result
    assert done.outcome is Outcome.SUCCEEDED
    assert (done.applied.first, done.applied.last) == ("2", "3")
    assert marks(database) == ["one", "three", "two"]
    rows = database.query("SELECT outcome, reason FROM meshmigrate.run WHERE id = %s", spec.run.id)
    assert rows == [("Interrupted", "Abandoned")]


def test_a_failure_after_a_crash_rolls_back_what_both_attempts_applied(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """A run is one thing however many attempts it needs."""
    three_files(project, waiting="2", third="SELECT 1 / 0")
    spec = make_spec(project)
    kill_when(start_runner(spec), database.waits_at_gate, "is in version 2")
    open_gate(gate)
    before_run = "SELECT to_regclass('marks') IS NULL"
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert done.outcome is Outcome.ROLLED_BACK
    assert done.rolled_back.count == 2
    assert database.scalar(before_run)


def test_a_resumed_run_with_other_files_is_refused(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """The same id stands for the same intention: SourceChanged."""
    three_files(project, waiting="2")
    spec = make_spec(project)
    kill_when(start_runner(spec), database.waits_at_gate, "is in version 2")
    open_gate(gate)
    project.migration("3", "SELECT 3")
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.SOURCE_CHANGED)
    assert database.versions == ["1"]


def test_a_runner_that_was_overtaken_writes_nothing(
    database: Database, project: Project, start_runner: StartRunner, gate: Gate
) -> None:
    """Fault 23: its guard finds another holder in the lease: Fenced."""
    one_before_the_gate(database, project)
    runner = start_runner(make_spec(project))
    eventually(database.waits_at_gate, "is in version 1")
    with database.connect() as other, ThreadPoolExecutor(1) as background:
        other.execute("BEGIN")
        queued = background.submit(other.execute, QUEUE_BEFORE_NEXT_FILE)
        eventually(lambda: waits_for_lease(database, other), "the takeover waits for the file")
        open_gate(gate)
        queued.result()
        other.execute(
            "UPDATE meshmigrate.lease SET epoch = epoch + 1, holder = gen_random_uuid(); COMMIT"
        )
    assert runner.wait() == 30
    assert runner.result.reason == Reason.FENCED
    assert database.versions == ["0", "1"]
