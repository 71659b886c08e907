"""Credentials that are being changed are waited for; those that never worked are refused."""

import pytest

from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Interruption, Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.connect import Connector
from meshmigrate.engine.stop import interruption


class _Clock:
    """A clock that only sleeping moves, and that a stop may interrupt."""

    def __init__(self, stop_at: float = float("inf")) -> None:
        self.now = 0.0
        self._stop_at = stop_at

    def monotonic(self) -> float:
        """Give the seconds slept."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        if self.now >= self._stop_at:
            raise interruption()


class _Missing:
    """A file that is not there, however often it is read."""

    def __init__(self, reason: Reason = Reason.CREDENTIALS_MISSING) -> None:
        self.reads = 0
        self._reason = reason

    def __call__(self) -> ConnectionParameters:
        """Read it."""
        self.reads += 1
        raise Refusal(self._reason, "the file cannot be read")


def test_a_first_contact_is_refused_at_once() -> None:
    """Nobody is kept waiting for a password that was never right."""
    clock, credentials = _Clock(), _Missing()
    with pytest.raises(Refusal):
        Connector(credentials, "t", clock).connect()
    assert (credentials.reads, clock.now) == (1, 0.0)


def test_credentials_that_worked_before_are_read_again_for_150_s() -> None:
    """Every 5 s, which the kubelet needs to bring a changed Secret; then it is refused."""
    clock, credentials = _Clock(), _Missing()
    told: list[str] = []
    connector = Connector(credentials, "t", clock, had_success=True, tell=told.append)
    with pytest.raises(Refusal) as caught:
        connector.connect()
    assert caught.value.reason is Reason.CREDENTIALS_MISSING
    assert (credentials.reads, clock.now) == (31, 150.0)
    assert len(told) == 30
    assert "the file cannot be read" in told[0]
    assert "150 s" in told[0]


def test_the_time_counts_anew_for_each_connection() -> None:
    """A second change of the password gets the same patience as the first."""
    clock, credentials = _Clock(), _Missing()
    connector = Connector(credentials, "t", clock, had_success=True)
    for reads in (31, 62):
        with pytest.raises(Refusal):
            connector.connect()
        assert credentials.reads == reads


def test_a_stop_ends_the_waiting() -> None:
    """SIGTERM is answered here as everywhere."""
    clock, credentials = _Clock(stop_at=10), _Missing()
    with pytest.raises(Interruption):
        Connector(credentials, "t", clock, had_success=True).connect()
    assert credentials.reads == 2


def test_what_no_change_of_a_secret_mends_is_refused_at_once() -> None:
    """A certificate of the server does not come with the password."""
    clock, credentials = _Clock(), _Missing(Reason.TLS_FAILED)
    with pytest.raises(Refusal):
        Connector(credentials, "t", clock, had_success=True).connect()
    assert credentials.reads == 1
