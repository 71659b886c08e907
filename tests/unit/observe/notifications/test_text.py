"""What people read."""

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.observe.notifications.notice import TOLD_OUTCOMES, notice_id
from meshmigrate.observe.notifications.text import compose, compose_many
from tests.unit.observe.notifications.examples import RUN, notice

TITLES = {
    "Succeeded": ("info", "[Succeeded] shop/web: done"),
    "UpToDate": ("info", "[UpToDate] shop/web: nothing to do"),
    "AwaitingApproval": (
        "warning",
        "[AwaitingApproval] shop/web: a plan waits for your approval",
    ),
    "Refused": ("error", "[Refused] shop/web: refused, nothing was changed"),
    "RolledBack": ("error", "[RolledBack] shop/web: a migration failed, the schema was taken back"),
    "Failed": ("error", "[Failed] shop/web: a migration failed, nothing was applied"),
    "Halted": ("error", "[Halted] shop/web: halted, the database is partly migrated"),
    "RollbackFailed": (
        "critical",
        "[RollbackFailed] shop/web: THE ROLLBACK FAILED, a person is needed now",
    ),
    "Cancelled": ("warning", "[Cancelled] shop/web: cancelled, the schema was taken back"),
    "Interrupted": ("warning", "[Interrupted] shop/web: interrupted"),
    "LockTimeout": ("error", "[LockTimeout] shop/web: a lock could not be had in time"),
    "Unreachable": ("error", "[Unreachable] shop/web: the database cannot be reached"),
    "Retrying": (
        "error",
        "[Retrying] shop/web: it still does not work, and is tried again and again",
    ),
}


def test_every_outcome_has_a_title_and_a_severity() -> None:
    """None is left to chance."""
    assert set(TITLES) == set(TOLD_OUTCOMES)


@pytest.mark.parametrize("outcome", TOLD_OUTCOMES)
def test_the_title_says_what_and_where(outcome: str) -> None:
    """And the severity is what a channel filters by."""
    message = compose(notice(outcome))
    assert (message.severity, message.title) == TITLES[outcome]


def test_the_text_says_all_that_a_person_asks_for() -> None:
    """What and where, how the database is, how long it took, who asked, and where to look."""
    assert compose(notice()).body.splitlines() == [
        'web/3_c.sql:4:7: relation "t" does not exist (SQLSTATE 42P01). Correct it.',
        "Database: app, at version 2",
        f"Ended: 2026-01-02T03:04:08Z, after 2.0 s and 1 attempt, run 3 ({RUN})",
        "Asked for by: ada, commit c0ffee, main",
        "CI: https://ci.example.com/7",
        "Look: kubectl -n shop describe databasemigration web",
    ]


def test_what_is_not_known_is_left_out() -> None:
    """A refusal without a run, of a resource that says nothing about itself."""
    bare = notice(
        Outcome.REFUSED,
        run_number=0,
        attempts=0,
        database="",
        actor="",
        commit="",
        ref="",
        run_url="",
        message="That is not allowed.",
    )
    assert compose(bare).body.splitlines() == [
        "That is not allowed.",
        "Ended: 2026-01-02T03:04:08Z",
        "Look: kubectl -n shop describe databasemigration web",
    ]


def test_the_command_line_names_the_database() -> None:
    """There is no resource to look at."""
    message = compose(notice(namespace="", name=""))
    assert message.title.startswith("[RolledBack] app: ")
    assert message.body.endswith("Look: meshmigrate status")


def test_a_plan_says_that_it_is_one() -> None:
    """Nothing was migrated."""
    planned = compose(notice("Succeeded", reason="Planned"))
    assert planned.title == "[Succeeded] shop/web: a plan is ready"


def test_many_are_a_count_and_the_first_few() -> None:
    """A long message is cut."""
    many = [notice(name=f"n{number}", message="x" * 500) for number in range(500)]
    message = compose_many(many)
    assert message.title == "500 migrations ended: 500 RolledBack"
    lines = message.body.splitlines()
    assert len(lines) == 7
    assert all(len(line) <= 160 for line in lines)
    assert lines[5] == "and 495 more."


def test_an_id_is_of_run_outcome_and_channel() -> None:
    """The same again, and another one for each of them."""
    ids = {
        notice_id(RUN, "Succeeded", "a"),
        notice_id(RUN, "Succeeded", "a"),
        notice_id(RUN, "Succeeded", "b"),
        notice_id(RUN, "Failed", "a"),
        notice_id(RUN.replace("2", "3"), "Succeeded", "a"),
    }
    assert len(ids) == 4
