"""Stopping: asked once, acted upon once."""

import threading

import pytest

from meshmigrate.domain.errors import Interruption
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.clock import SystemClock
from meshmigrate.engine.stop import Stop


def test_nothing_happens_until_it_is_asked_for() -> None:
    """Checking costs nothing and raises nothing."""
    Stop().check()


def test_a_request_ends_a_sleep_at_once() -> None:
    """A runner in back-off does not use up its grace period."""
    stop = Stop()
    thread = threading.Thread(target=stop.request)
    thread.start()
    with pytest.raises(Interruption) as caught:
        SystemClock(stop).sleep(60)
    assert caught.value.reason is Reason.TERMINATED
    stop.acknowledge()
    thread.join(10)
    assert not thread.is_alive()


def test_after_the_acknowledgement_work_may_go_on() -> None:
    """The orderly end itself must not be stopped again."""
    stop = Stop()
    thread = threading.Thread(target=stop.request)
    thread.start()
    stop.wait(60)
    stop.acknowledge()
    stop.check()
    stop.wait(0)
    thread.join(10)
