"""Files that are gone or broken: what was begun is finished without them."""

import shutil

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import EventName
from tests.postgres.cutting import cut_off, undoing
from tests.postgres.harness import Database, Project, attempt, make_spec

NOWHERE = "postgresql://app:x@127.0.0.1:1/nowhere?sslmode=disable"


def three(project: Project, *, last: str = "SELECT 1 / 0") -> Project:
    """Write two versions that can be taken back, and a last one."""
    project.migration("1", "CREATE TABLE a (x int)", "DROP TABLE a")
    project.migration("2", "CREATE TABLE b (x int)", "DROP TABLE b")
    return project.migration("3", last)


def lose(project: Project, *, how: str) -> None:
    """Take the files away, or make them unreadable."""
    if how == "gone":
        shutil.rmtree(project.root / "rollbacks")
        for file in project.root.joinpath("migrations").iterdir():
            file.unlink()
    else:
        project.write("migrations/nonsense.sql", "SELECT 1")


BROKEN = pytest.mark.parametrize(
    ("how", "reason"), [("gone", Reason.EMPTY_SOURCE), ("broken", Reason.INVALID_FILE_NAME)]
)


@BROKEN
def test_a_first_attempt_is_refused_at_once_without_a_connection(
    database: Database, project: Project, how: str, reason: Reason
) -> None:
    """The database is not even there."""
    lose(three(project), how=how)
    done = attempt(database, make_spec(project), url=NOWHERE).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)


@BROKEN
def test_a_run_on_its_way_back_arrives_without_them(
    database: Database, project: Project, how: str, reason: Reason
) -> None:
    """The ledger has the scripts; the result is that of the failure."""
    before = database.dump()
    spec = cut_off(database, three(project), EventName.ROLLED_BACK, "2")
    lose(project, how=how)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert (done.outcome, done.reason) == (Outcome.ROLLED_BACK, Reason.STATEMENT_FAILED)
    assert reason not in done.message
    assert (database.dump(), database.versions) == (before, [])


@BROKEN
def test_a_run_that_has_ended_gives_its_result_without_them(
    database: Database, project: Project, how: str, reason: Reason
) -> None:
    """The attempt asks because the answer was lost on its way."""
    first = attempt(database, spec := make_spec(three(project, last="SELECT 1")))
    lose(project, how=how)
    again = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2))
    assert again.encoded == first.encoded
    assert again.result.reason != reason


@BROKEN
def test_what_is_left_to_do_forward_is_refused_and_can_be_done_later(
    database: Database, project: Project, how: str, reason: Reason
) -> None:
    """The refusal is of the files; with them the same run goes on."""
    spec = cut_off(database, three(project, last="SELECT 1"), EventName.APPLIED, "1")
    lose(project, how=how)
    done = attempt(database, make_spec(project, run_id=spec.run.id, attempt=2)).result
    assert (done.outcome, done.reason) == (Outcome.REFUSED, reason)
    assert database.versions == ["1"]
    project.root.joinpath("migrations/nonsense.sql").unlink(missing_ok=True)
    three(project, last="SELECT 1")
    policy = spec.policy
    again = make_spec(project, run_id=spec.run.id, attempt=3, policy=policy)
    assert attempt(database, again).outcome is Outcome.SUCCEEDED
    assert database.versions == ["1", "2", "3"]


@BROKEN
def test_a_run_is_cancelled_without_them(
    database: Database, project: Project, how: str, reason: Reason
) -> None:
    """Known to the ledger or not."""
    before = database.dump()
    spec = cut_off(database, three(project, last="SELECT 1"), EventName.APPLIED, "2")
    lose(project, how=how)
    for run_id in (spec.run.id, make_spec(project).run.id):
        done = attempt(database, undoing(project, run_id, 1)).result
        assert (done.outcome, done.reason) == (Outcome.CANCELLED, Reason.CANCELLED)
        assert reason not in done.message
    assert (database.dump(), database.versions) == (before, [])
