"""Connecting again: for what, after which pause, until when."""

import pytest

from meshmigrate.domain.errors import (
    Failure,
    Interruption,
    MigrationError,
    NotReady,
    Refusal,
    Unreachable,
)
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Policy
from meshmigrate.engine.deadlines import Deadlines
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.persistence import Persistence
from meshmigrate.engine.stop import Stop
from meshmigrate.engine.tools import Tools
from tests.unit.engine.clocks import SleepingClock

LOST = Interruption(Reason.CONNECTION_LOST, "the connection to the server was lost")
AWAY = Unreachable(Reason.DATABASE_UNREACHABLE, "connection refused")
FULL = NotReady(Reason.DATABASE_UNREACHABLE, "FATAL: sorry, too many clients already")
STARTING = NotReady(Reason.DATABASE_UNREACHABLE, "FATAL: the database system is starting up")
ONLY_STANDBYS = NotReady(Reason.DATABASE_UNREACHABLE, "server is in hot standby mode")
STANDBY = Refusal(Reason.READ_ONLY_SERVER, "the server is a standby")
ALMOST_ONE = 0.999


class Waiting:
    """A run that waits, with the longest pauses there are."""

    def __init__(self, jitter: float = ALMOST_ONE, deadline_seconds: float = 3600) -> None:
        self.clock = SleepingClock()
        self.told: list[Event] = []
        tools = Tools(clock=self.clock, stop=Stop(), events=self.told.append)
        self.deadlines = Deadlines(self.clock, Policy(deadline_seconds=deadline_seconds))
        self.persistence = Persistence(tools, self.deadlines, jitter=lambda: jitter)

    def pauses(self, error: MigrationError, most: int = 1000) -> list[float]:
        """Wait after the same error until it is the end, or often enough."""
        pauses: list[float] = []
        while len(pauses) < most:
            pause = self.persistence.pause_after(error)
            if pause is None:
                break
            pauses.append(pause)
            self.persistence.wait(error, pause)
        return pauses


def test_pauses_double_from_a_fifth_of_a_second_to_ten_seconds() -> None:
    """Full jitter below that."""
    waiting = Waiting()
    waiting.persistence.connected()
    pauses = waiting.pauses(LOST, most=9)
    assert [round(pause / ALMOST_ONE, 1) for pause in pauses] == [
        0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10, 10,
    ]  # fmt: skip
    assert Waiting(jitter=0.0).pauses(LOST, most=3) == [0.0] * 3


def test_a_connection_that_lasted_begins_anew() -> None:
    """One that was lost at once does not: a server that ends every session is not hammered."""
    waiting = Waiting()
    for _ in range(4):
        waiting.persistence.connected()
        waiting.pauses(LOST, most=1)
    waiting.persistence.connected()
    waiting.clock.sleep(10)
    assert waiting.pauses(LOST, most=1) == [0.2 * ALMOST_ONE]


@pytest.mark.parametrize("error", [LOST, AWAY])
def test_the_forward_deadline_ends_it(error: MigrationError) -> None:
    """It has begun with the attempt, not with the loss."""
    waiting = Waiting(deadline_seconds=60)
    assert waiting.deadlines.forward.remaining == 60
    waiting.persistence.connected()
    waiting.clock.sleep(50)
    waiting.pauses(error)
    assert 50 <= waiting.clock.now < 60


def test_on_the_way_back_its_own_deadline_counts() -> None:
    """Getting back matters more than the time that the way forward had."""
    waiting = Waiting(deadline_seconds=1)
    waiting.persistence.connected()
    assert waiting.deadlines.back.remaining == 3600
    waiting.pauses(LOST)
    assert waiting.clock.now > 3000


def test_a_server_that_was_never_reached_is_not_waited_for() -> None:
    """A wrong host name is told at once; whoever started the run decides about another attempt."""
    assert Waiting().pauses(AWAY) == []


@pytest.mark.parametrize("error", [FULL, STARTING, ONLY_STANDBYS, STANDBY])
def test_a_first_contact_is_given_a_minute(error: MigrationError) -> None:
    """Faults 26 and 28: 53300, 57P03 and a standby pass by themselves, or do not."""
    waiting = Waiting()
    waiting.pauses(error)
    assert 50 <= waiting.clock.now < 60
    assert {event.name for event in waiting.told} == {EventName.WAITING_FOR_SERVER}


def test_a_standby_after_a_lost_connection_is_given_a_minute_too() -> None:
    """Not the whole deadline: where nobody takes over, somebody has to hear of it."""
    waiting = Waiting()
    waiting.persistence.connected()
    waiting.pauses(STANDBY)
    assert waiting.clock.now < 60
    waiting.persistence.connected()
    assert waiting.pauses(STANDBY, most=1), "and another one gets another minute"


@pytest.mark.parametrize(
    "error",
    [
        Failure(Reason.STATEMENT_FAILED, "division by zero"),
        Interruption(Reason.FENCED, "another runner took over"),
        Interruption(Reason.TERMINATED, "asked to stop"),
        Interruption(Reason.ANOTHER_DATABASE, "another system identifier"),
        Refusal(Reason.AUTHENTICATION_FAILED, "password authentication failed"),
    ],
)
def test_what_a_new_connection_does_not_mend_is_the_end(error: MigrationError) -> None:
    """28P01 has its own wait, in the connector."""
    waiting = Waiting()
    waiting.persistence.connected()
    assert waiting.pauses(error) == []


def test_what_is_wrong_and_for_how_long_is_told() -> None:
    """One event before each pause."""
    waiting = Waiting()
    waiting.persistence.connected()
    waiting.pauses(LOST, most=1)
    (event,) = waiting.told
    assert event.name is EventName.CONNECTION_LOST
    assert event.message == "the connection to the server was lost; connecting again in 0.2 s"
    assert event.warning


def test_the_last_word_says_that_the_server_was_there_before() -> None:
    """Unreachable, with the deadline and what to do."""
    waiting = Waiting(deadline_seconds=60)
    assert waiting.persistence.last_word(AWAY) is AWAY
    waiting.persistence.connected()
    last = waiting.persistence.last_word(AWAY)
    assert last.outcome is Outcome.UNREACHABLE
    assert "could not be reached again within 60 s: connection refused" in last.message
    assert "same run id" in last.hint
