"""What holds for every test."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

# How long an example takes depends on who else uses the machine: that is no property of ours.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _signal_mask() -> Iterator[None]:
    """Commands hold signals back until they take them; a process that a test starts inherits it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
