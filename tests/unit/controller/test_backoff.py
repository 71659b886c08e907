"""When the next attempt is due."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.controller.backoff import due_at
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.run_status import CurrentRun, LastAttempt
from meshmigrate.controller.spec import Retry
from tests.unit.controller.scripted_cluster import START


def delay(attempt: int, *, after: float = 0, uid: str = "u", reason: str = "Terminated") -> float:
    """Give the seconds after an attempt that ended so long after the trouble began."""
    ended = START + timedelta(seconds=after)
    last = LastAttempt(
        attempt=attempt,
        outcome="Interrupted",
        reason=reason,
        message="",
        ended_at=format_time(ended),
    )
    run = CurrentRun(
        id="r",
        number=1,
        attempt=attempt,
        intent="apply",
        job_name="j",
        spec_hash="h",
        started_at=format_time(START),
        trouble_since=format_time(START),
    )
    return (due_at(run, last, Retry(), uid) - ended).total_seconds()


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 5), (2, 10), (3, 20), (6, 160), (7, 300), (40, 300)]
)
def test_delays_double_from_five_seconds_to_five_minutes(attempt: int, seconds: float) -> None:
    """Within a fifth of the figure."""
    assert 0.8 * seconds <= delay(attempt) <= 1.2 * seconds


def test_after_the_deadline_an_attempt_comes_every_ten_minutes() -> None:
    """At the deadline itself already."""
    assert 480 <= delay(3, after=3600) <= 720


def test_a_lost_pod_is_followed_at_once() -> None:
    """Nothing is known to be wrong with the database."""
    assert delay(1, reason="RunnerLost") == 0


@given(st.text(max_size=40), st.integers(1, 10_000))
def test_the_delay_is_the_same_for_every_operator(uid: str, attempt: int) -> None:
    """It follows from resource and attempt alone: a restart does not start the wait anew."""
    assert delay(attempt, uid=uid) == delay(attempt, uid=uid)
