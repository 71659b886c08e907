"""Deadlines: counted by a clock that only grows."""

from dataclasses import dataclass

import pytest

from meshmigrate.domain.errors import Failure, Location
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.clock import Deadline


@dataclass
class FakeClock:
    """A clock that is set by hand."""

    now: float = 0.0

    def monotonic(self) -> float:
        """Give the time that was set."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Pass at once."""
        self.now += seconds


def test_a_deadline_passes_at_its_moment_and_not_before() -> None:
    """What remains is never negative."""
    clock = FakeClock(100)
    deadline = Deadline(clock, 5, name="deadlineSeconds")
    clock.sleep(4)
    assert (deadline.remaining, deadline.passed) == (1, False)
    clock.sleep(1)
    assert (deadline.remaining, deadline.passed) == (0, True)
    clock.sleep(9)
    assert deadline.remaining == 0


def test_a_passed_deadline_names_the_setting_and_the_statement() -> None:
    """So that a person knows what to raise, and what was running."""
    cancelled = Failure(
        Reason.CANCELLED, "x", location=Location("a.sql", 3), sqlstate="57014", statement="UPDATE"
    )
    error = Deadline(FakeClock(), 60, name="deadlineSeconds").exceeded(cancelled)
    assert error.reason is Reason.DEADLINE_EXCEEDED
    assert "deadlineSeconds (60 s)" in error.message
    assert "Raise --deadline (deadlineSeconds of the resource)" in error.hint
    assert (str(error.location), error.statement) == ("a.sql:3", "UPDATE")


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("rollbackDeadlineSeconds", "--rollback-deadline"),
        ("tableLockDeadlineSeconds", "--table-lock-deadline"),
        ("acquireTimeoutSeconds", "--acquire-timeout"),
    ],
)
def test_a_deadline_names_the_option_that_raises_it(name: str, option: str) -> None:
    """As the command line has it, beside the field of the resource."""
    hint = Deadline(FakeClock(), 60, name=name).exceeded().hint
    assert f"{option} ({name} of the resource)" in hint
