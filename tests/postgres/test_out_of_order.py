"""The out-of-order policy: late files are refused, or applied and taken back in true order."""

import subprocess
from collections.abc import Callable

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy, RunSpec
from tests.postgres.harness import (
    WAIT_AT_GATE,
    Database,
    Project,
    attempt,
    eventually,
    make_spec,
)
from tests.postgres.processes import Runner, command, environment

UP = "CREATE TABLE t{0} (x int); INSERT INTO marks VALUES ('{0}');\n"
DOWN = "DROP TABLE t{0}; DELETE FROM marks WHERE mark = '{0}'; INSERT INTO undone VALUES ('{0}')"
LATE = Policy(out_of_order="Apply")


def two_and_four(database: Database, project: Project) -> None:
    """Apply versions 2 and 4; every version leaves a mark, and its rollback takes it away."""
    project.migration("2", "CREATE TABLE marks (mark text)", "DROP TABLE marks")
    marking(project, "4")
    assert attempt(database, make_spec(project)).outcome is Outcome.SUCCEEDED
    assert database.versions == ["2", "4"]


def marking(project: Project, *versions: str, then: str = "") -> None:
    """Write versions that leave a mark."""
    for version in versions:
        project.migration(version, UP.format(version) + then, DOWN.format(version))


def test_late_files_are_applied_in_order_of_their_number(
    database: Database, project: Project
) -> None:
    """The late ones first, then the new ones; the history keeps the true order."""
    two_and_four(database, project)
    marking(project, "10", "3", "5")
    done = attempt(database, make_spec(project, policy=LATE)).result
    assert (done.outcome, done.current_version, done.pending_count) == (Outcome.SUCCEEDED, "10", 0)
    assert database.versions == ["2", "4", "3", "5", "10"]
    assert attempt(database, make_spec(project)).outcome is Outcome.UP_TO_DATE


def test_by_default_they_are_refused_and_the_option_is_named(
    database: Database, project: Project
) -> None:
    """Nothing is run, the new file neither."""
    two_and_four(database, project)
    marking(project, "3", "5")
    before = database.dump()
    done = attempt(database, make_spec(project)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, Reason.OUT_OF_ORDER)
    assert done.failure is not None
    assert "--out-of-order Apply" in done.failure.hint
    assert (database.versions, database.dump()) == (["2", "4"], before)


def test_a_rollback_goes_back_in_the_order_in_which_things_happened(
    database: Database, project: Project
) -> None:
    """What the run applied last goes first, and what other runs applied stays."""
    database.query("CREATE TABLE undone (version text, at bigserial)")
    two_and_four(database, project)
    marking(project, "1", "3", "5")
    project.migration("6", "SELECT 1/0")
    done = attempt(database, make_spec(project, policy=LATE)).result
    assert done.outcome is Outcome.ROLLED_BACK
    assert (done.rolled_back.first, done.rolled_back.last) == ("5", "1")
    assert database.query("SELECT version FROM undone ORDER BY at") == [("5",), ("3",), ("1",)]
    assert database.versions == ["2", "4"]


def test_a_killed_run_goes_on_with_what_it_has_not_applied(
    database: Database, project: Project, start_runner: Callable[[RunSpec], Runner]
) -> None:
    """Late and new files of one run, killed between the two: each is applied once."""
    two_and_four(database, project)
    marking(project, "3")
    marking(project, "5", then=WAIT_AT_GATE)
    spec = make_spec(project, policy=LATE)
    with database.connect() as gate:
        gate.execute("SELECT pg_advisory_lock(4711)")
        runner = start_runner(spec)
        eventually(database.waits_at_gate, "the new file waits")
        runner.kill()
    again = make_spec(project, run_id=spec.run.id, attempt=2, policy=LATE)
    assert attempt(database, again).outcome is Outcome.SUCCEEDED
    assert database.versions == ["2", "4", "3", "5"]
    assert database.query("SELECT mark FROM marks WHERE mark <> 'gate' ORDER BY 1") == [
        ("3",),
        ("4",),
        ("5",),
    ]


@pytest.mark.parametrize(("policy", "code"), [("Apply", 0), ("Refuse", 10), ("Whatever", 2)])
def test_the_option_of_apply(database: Database, project: Project, policy: str, code: int) -> None:
    """Its two words are those of the run spec."""
    two_and_four(database, project)
    marking(project, "3")
    done = subprocess.run(
        command("apply", f"--out-of-order={policy}"),
        cwd=project.root,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stderr
    assert database.versions == (["2", "4", "3"] if code == 0 else ["2", "4"])
