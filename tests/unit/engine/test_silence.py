"""How long a server may be silent: as long as it was told, and half a minute."""

from collections.abc import Generator
from typing import cast

import pytest
from psycopg.waiting import Ready, Wait

from meshmigrate.engine.connect import Connection
from meshmigrate.engine.silence import Allowance, NoAnswerError, answered
from tests.unit.engine.clocks import SleepingClock


class _Connection:
    """Takes note of what is done to it."""

    def __init__(self) -> None:
        self.cancelled = 0
        self.closed = False

    def as_real(self) -> Connection:
        """Pass for one."""
        return cast("Connection", self)

    def cancel_safe(self, *, timeout: float) -> None:
        """Do as if the server had been asked."""
        assert timeout > 0
        self.cancelled += 1

    def close(self) -> None:
        """Take note."""
        self.closed = True


def _work(answers: int) -> Generator[Wait, Ready | int, str]:
    """Need to hear so many times of the server."""
    while answers:
        if (yield Wait.R):
            answers -= 1
    return "the answer"


class _Waiting:
    """Somebody who waits for an answer, on a clock of their own."""

    def __init__(self, allowed: Allowance, answers: int = 1) -> None:
        self.clock = SleepingClock()
        self.connection = _Connection()
        self._work = answered(
            self.connection.as_real(), _work(answers), allowed, self.clock.monotonic
        )
        next(self._work)

    def silence(self, seconds: float) -> None:
        """Hear nothing for so long."""
        self.clock.sleep(seconds)
        self._work.send(0)

    def hear(self) -> None:
        """Hear something."""
        self._work.send(Ready.R)


def test_an_answer_in_time_is_given() -> None:
    """Late as it may be."""
    waiting = _Waiting(Allowance(900))
    waiting.silence(929)
    with pytest.raises(StopIteration) as end:
        waiting.hear()
    assert end.value.value == "the answer"
    assert not waiting.connection.closed


def test_after_that_the_connection_is_closed() -> None:
    """It says for how long nothing was heard; nobody is asked to cancel what has a timeout."""
    waiting = _Waiting(Allowance(900))
    waiting.silence(929)
    with pytest.raises(NoAnswerError, match="has not answered for 931 s"):
        waiting.silence(2)
    assert (waiting.connection.closed, waiting.connection.cancelled) == (True, 0)


def test_whoever_is_heard_of_is_not_silent() -> None:
    """A long result that comes in pieces takes as long as it takes."""
    waiting = _Waiting(Allowance(60), answers=100)
    for _ in range(99):
        waiting.silence(80)
        waiting.hear()
    assert not waiting.connection.closed


def test_what_has_no_time_any_more_is_cancelled_until_it_answers_or_is_silent_for_too_long() -> (
    None
):
    """One cancellation may come between two statements, where it does nothing."""
    over: list[bool] = []
    waiting = _Waiting(Allowance(3600 * 1024, lambda: bool(over)))
    waiting.silence(3600)
    over.append(True)
    for _ in range(30):
        waiting.silence(1)
    assert (waiting.connection.cancelled, waiting.connection.closed) == (30, False)
    waiting.silence(0.5)
    with pytest.raises(NoAnswerError):
        waiting.silence(1)
    assert waiting.connection.closed
