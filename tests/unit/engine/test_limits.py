"""Pauses and lock timeouts: short while others may wait behind, patient for rows."""

from hypothesis import given
from hypothesis import strategies as st

from meshmigrate.engine.limits import lock_timeout_ms, pause_seconds


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_pause_is_never_longer_than_ten_seconds(attempt: int, jitter: float) -> None:
    """However often it was tried."""
    assert 0 <= pause_seconds(attempt, jitter) < 10


def test_pauses_double_from_a_tenth_of_a_second() -> None:
    """min(10 s, 50 ms * 2^try) before the jitter."""
    longest = [pause_seconds(attempt, 1.0) for attempt in range(1, 10)]
    assert longest == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]


def test_strong_statements_wait_briefly_and_a_little_longer_later() -> None:
    """Five tries of 100 ms, then up to one second and never without a limit."""
    waits = [
        lock_timeout_ms("ALTER TABLE", attempt, after_strong=False) for attempt in range(1, 11)
    ]
    assert waits == [100] * 5 + [250, 500, 1000, 1000, 1000]


def test_data_statements_wait_for_rows_patiently_until_a_strong_lock_is_held() -> None:
    """A row lock stalls nobody; a table lock held meanwhile would."""
    assert lock_timeout_ms("UPDATE", 1, after_strong=False) == 30_000
    assert lock_timeout_ms("UPDATE", 1, after_strong=True) == 1_000


def test_a_body_whose_locks_are_unknown_is_treated_as_strong() -> None:
    """DO, CALL and SELECT of a function may take any lock."""
    for kind in ("DO", "CALL", "SELECT"):
        assert lock_timeout_ms(kind, 1, after_strong=False) == 100
