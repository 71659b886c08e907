"""Outcomes and exit codes are one vocabulary."""

import pytest

from meshmigrate.domain.errors import (
    Failure,
    Interruption,
    Location,
    LockTimeout,
    MigrationError,
    Refusal,
    Unreachable,
)
from meshmigrate.domain.outcome import (
    EXIT_INTERNAL_ERROR,
    EXIT_USAGE_ERROR,
    Outcome,
    outcome_of_exit_code,
)
from meshmigrate.domain.reason import Reason


@pytest.mark.parametrize(
    ("outcome", "exit_code"),
    [
        (Outcome.SUCCEEDED, 0),
        (Outcome.UP_TO_DATE, 0),
        (Outcome.REFUSED, 10),
        (Outcome.AWAITING_APPROVAL, 12),
        (Outcome.ROLLED_BACK, 20),
        (Outcome.FAILED, 21),
        (Outcome.HALTED, 22),
        (Outcome.ROLLBACK_FAILED, 23),
        (Outcome.CANCELLED, 24),
        (Outcome.INTERRUPTED, 30),
        (Outcome.LOCK_TIMEOUT, 31),
        (Outcome.UNREACHABLE, 32),
    ],
)
def test_exit_codes_are_the_documented_ones(outcome: Outcome, exit_code: int) -> None:
    """Scripts rely on the numbers, so they never change."""
    assert outcome.exit_code == exit_code


def test_every_failing_exit_code_names_its_outcome() -> None:
    """The code alone tells how a run ended, apart from the two that share zero."""
    for outcome in Outcome:
        found = outcome_of_exit_code(outcome.exit_code)
        assert found is (Outcome.SUCCEEDED if outcome.succeeded else outcome)


@pytest.mark.parametrize("code", [EXIT_INTERNAL_ERROR, EXIT_USAGE_ERROR, 11, 33, 137, 143, -9])
def test_other_exit_codes_are_no_outcome(code: int) -> None:
    """A crash, a signal or a bug says nothing about the database."""
    assert outcome_of_exit_code(code) is None


def test_only_outcomes_that_nobody_must_act_on_are_retried() -> None:
    """Every outcome is either retried or final."""
    retryable = {outcome for outcome in Outcome if outcome.retryable}
    assert retryable == {Outcome.INTERRUPTED, Outcome.LOCK_TIMEOUT, Outcome.UNREACHABLE}
    assert all(outcome.final is not outcome.retryable for outcome in Outcome)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Refusal, Outcome.REFUSED),
        (Failure, Outcome.FAILED),
        (Interruption, Outcome.INTERRUPTED),
        (LockTimeout, Outcome.LOCK_TIMEOUT),
        (Unreachable, Outcome.UNREACHABLE),
    ],
)
def test_each_error_stands_for_its_outcome(error: type[MigrationError], outcome: Outcome) -> None:
    """One place can turn any error into an exit code."""
    assert error.outcome is outcome


def test_an_error_reads_as_place_what_code_and_next_step() -> None:
    """The parts come in the order in which a tired person needs them."""
    error = Failure(
        Reason.STATEMENT_FAILED,
        "column does not exist",
        hint="Correct the file.",
        location=Location("m/1_a.sql", 3, 7),
        sqlstate="42703",
    )
    assert str(error) == (
        "m/1_a.sql:3:7: column does not exist (SQLSTATE 42703). Correct the file."
    )
    assert str(Refusal(Reason.EMPTY_SOURCE, "nothing there")) == "nothing there"


def test_a_location_shows_what_is_known() -> None:
    """A file without a line is still a place."""
    assert str(Location("a.sql")) == "a.sql"
    assert str(Location("a.sql", 2)) == "a.sql:2"


def test_reasons_are_words_that_kubernetes_takes() -> None:
    """A condition's reason is CamelCase (Kubernetes API conventions), and a label is bounded."""
    assert all(reason.isalnum() and reason[0].isupper() for reason in Reason)
