"""Every row of the table of conditions, as the operator stores it."""

from datetime import timedelta

import pytest

from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with, killed
from tests.unit.controller.scripted_cluster import SPEC, make_result

IN_PROGRESS = {"Ready": "False", "Reconciling": "True", "Stalled": "False", "Succeeded": "Unknown"}
DONE = {"Ready": "True", "Reconciling": "False", "Stalled": "False", "Succeeded": "True"}
ENDED = {"Ready": "False", "Reconciling": "False", "Stalled": "True", "Succeeded": "False"}
TRYING = {"Ready": "False", "Reconciling": "False", "Stalled": "True", "Succeeded": "Unknown"}


def test_a_run_that_waits_for_its_pod_is_pending(started: Story) -> None:
    """Between the Job and its container the phase is Pending."""
    assert started.status["phase"] == "Pending"
    assert started.conditions() == IN_PROGRESS


def test_a_run_whose_container_has_started_is_running(started: Story) -> None:
    """Once the container runs the phase is Running."""
    started.cluster.start_pod(started.job)
    started.look()
    assert started.status["phase"] == "Running"
    assert started.conditions() == IN_PROGRESS
    assert started.ready()["reason"] == "Running"


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.UP_TO_DATE])
def test_a_run_that_reached_its_target_is_succeeded(started: Story, outcome: Outcome) -> None:
    """Done and nothing to do look the same but for the reason."""
    ends_with(outcome)(started.cluster, started.job)
    started.look()
    assert started.status["phase"] == "Succeeded"
    assert started.conditions() == DONE
    assert started.ready()["reason"] == outcome
    assert started.status["currentVersion"] == "3"
    assert started.status["pendingCount"] == 0
    assert started.status["database"] == {"name": "app", "systemIdentifier": "7"}


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome.REFUSED,
        Outcome.FAILED,
        Outcome.ROLLED_BACK,
        Outcome.HALTED,
        Outcome.ROLLBACK_FAILED,
        Outcome.CANCELLED,
    ],
)
def test_a_run_that_ended_badly_has_its_outcome_as_phase(started: Story, outcome: Outcome) -> None:
    """A person is needed: Stalled is True, Succeeded is False, and the message says where."""
    ends_with(outcome, "StatementFailed")(started.cluster, started.job)
    started.look()
    assert started.status["phase"] == outcome
    assert started.conditions() == ENDED
    ready = started.ready()
    assert ready["reason"] == "StatementFailed"
    assert 'web-1/3_c.sql:4:7: relation "t" does not exist (SQLSTATE 42P01).' in ready["message"]
    assert ready["message"].endswith("Correct the file.")
    assert started.status["lastRun"]["failure"]["line"] == 4


@pytest.mark.parametrize("outcome", [o for o in Outcome if o.retryable])
def test_a_run_that_backs_off_is_pending_and_names_the_cause(
    started: Story, outcome: Outcome
) -> None:
    """A retryable end is no failure: the next attempt and its moment are announced."""
    ends_with(outcome, "DatabaseUnreachable")(started.cluster, started.job)
    started.look()
    assert started.status["phase"] == "Pending"
    assert started.conditions() == IN_PROGRESS
    assert started.ready()["reason"] == "DatabaseUnreachable"
    doing = next(c for c in started.status["conditions"] if c["type"] == "Reconciling")
    assert doing["reason"] == "BackingOff"
    assert "the next follows at 2026-01-02T03:04:" in started.ready()["message"]


def fail_to_connect(story: Story) -> None:
    """Let the attempt in flight find the database unreachable."""
    ends_with(Outcome.UNREACHABLE, "DatabaseUnreachable")(story.cluster, story.job)
    story.cluster.end_job(story.job)
    story.look()


def test_the_time_in_which_a_run_worked_is_not_held_against_it(started: Story) -> None:
    """A runner drained after more than the retry deadline is followed in seconds."""
    started.cluster.start_pod(started.job)
    started.look()
    started.cluster.clock.pass_time(timedelta(minutes=70))
    ends_with(Outcome.INTERRUPTED, "Terminated")(started.cluster, started.job)
    started.cluster.end_job(started.job)
    started.look()
    assert started.conditions() == IN_PROGRESS
    started.cluster.clock.pass_time(timedelta(seconds=7))
    started.look()
    assert len(started.cluster.created_jobs) == 2


def test_past_the_retry_deadline_the_resource_is_stalled_but_tried(started: Story) -> None:
    """Retrying: Stalled is True, Succeeded is open, and an attempt comes every ten minutes."""
    fail_to_connect(started)
    assert started.conditions() == IN_PROGRESS
    started.cluster.clock.pass_time(timedelta(seconds=3600))
    started.look()
    fail_to_connect(started)
    assert started.status["phase"] == "Retrying"
    assert started.conditions() == TRYING
    started.cluster.clock.pass_time(timedelta(seconds=479))
    started.look()
    assert len(started.cluster.created_jobs) == 2
    started.cluster.clock.pass_time(timedelta(seconds=242))
    started.look()
    assert len(started.cluster.created_jobs) == 3
    started.cluster.start_pod(started.job)
    started.look()
    assert started.conditions() == TRYING, "an attempt alone is no progress"
    assert started.ready()["reason"] == "Running", "but it is said that one runs"
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    assert started.conditions() == DONE


def test_a_retry_deadline_of_zero_stalls_at_the_first_trouble(started: Story) -> None:
    """Who allows no time is told at once; it is still tried every ten minutes."""
    retry = {"deadlineSeconds": 0}
    started.cluster.edit(lambda body: body["spec"]["policy"].update(retry=retry))
    started.look()
    fail_to_connect(started)
    assert started.status["phase"] == "Retrying"
    assert started.conditions() == TRYING


def test_give_up_ends_the_run_after_the_retry_deadline(started: Story) -> None:
    """With GiveUp the cause becomes the reason of a failed run."""
    retry = {"deadlineSeconds": 3600, "afterDeadline": "GiveUp"}
    started.cluster.edit(lambda body: body["spec"]["policy"].update(retry=retry))
    started.look()
    fail_to_connect(started)
    started.cluster.clock.pass_time(timedelta(seconds=3601))
    started.look()
    fail_to_connect(started)
    assert started.status["phase"] == "Failed"
    assert started.conditions() == ENDED
    assert started.ready()["reason"] == "DatabaseUnreachable"
    message = started.ready()["message"]
    assert "given up" in message
    assert "as it was before" not in message, "nobody has looked"
    assert "run-requested-at" in message


def test_three_lost_runners_in_a_row_stall_the_resource(started: Story) -> None:
    """Two lost pods are accidents; after the third nothing is tried until a person acts."""
    for number in (1, 2, 3):
        killed(started.cluster, started.job)
        started.look()
        if number < 3:
            assert started.ready()["reason"] == "RunnerLost"
            assert started.conditions() == IN_PROGRESS
            started.cluster.end_job(started.job)
            started.look()
    assert started.conditions() == ENDED
    assert started.status["phase"] == "Failed"
    assert "as it was before" not in started.ready()["message"], "nobody has looked"
    assert started.ready()["reason"] == "RunnerCrashing"
    assert "exit code 137" in started.ready()["message"]
    assert len(started.cluster.created_jobs) == 3


def test_a_result_between_lost_pods_starts_the_count_again(started: Story) -> None:
    """Only lost pods in a row count."""
    for end in (killed, killed, ends_with(Outcome.INTERRUPTED, "Terminated"), killed, killed):
        end(started.cluster, started.job)
        started.look()
        started.cluster.end_job(started.job)
        started.cluster.clock.pass_time(timedelta(minutes=6))
        started.look()
    assert started.status["runNumber"] == 1
    assert len(started.cluster.created_jobs) == 6


@pytest.mark.parametrize("exit_code", [1, 2])
def test_an_internal_error_of_the_runner_fails_the_run(started: Story, exit_code: int) -> None:
    """A bug is not retried: the same would happen again."""
    started.cluster.end_pod(started.job, exit_code=exit_code)
    started.look()
    assert started.conditions() == ENDED
    assert started.ready()["reason"] == "InternalError"
    assert "run-requested-at" in started.ready()["message"]


def test_an_exit_code_alone_is_understood(started: Story) -> None:
    """Without a result the exit code says how the run ended."""
    started.cluster.end_pod(started.job, exit_code=20)
    started.look()
    assert started.status["phase"] == "RolledBack"


def test_a_result_of_another_run_counts_as_none(started: Story) -> None:
    """A termination message that speaks of another run is not believed."""
    foreign = make_result("00000000-0000-0000-0000-000000000000", Outcome.SUCCEEDED)
    started.cluster.end_pod(started.job, exit_code=137, message=foreign)
    started.look()
    assert started.ready()["reason"] == "RunnerLost"


def test_a_transition_time_moves_only_with_its_status(started: Story) -> None:
    """Conditions that keep their status keep their time."""
    before = {c["type"]: c["lastTransitionTime"] for c in started.status["conditions"]}
    started.cluster.clock.pass_time(timedelta(seconds=60))
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    after = {c["type"]: c["lastTransitionTime"] for c in started.status["conditions"]}
    assert before["Stalled"] == after["Stalled"]
    assert before["Ready"] != after["Ready"]


def test_nothing_is_written_when_nothing_has_changed(started: Story) -> None:
    """Looking again at a resource at rest costs no write."""
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    calls = len(started.cluster.calls)
    for _ in range(3):
        started.cluster.clock.pass_time(timedelta(days=1))
        started.look()
    assert len(started.cluster.calls) == calls


def test_a_spec_of_another_release_is_refused(applied: Story) -> None:
    """A field this operator does not know is said so, and no run starts."""
    spec = {**SPEC, "speed": "Fast"}
    applied.cluster.edit(lambda body: body.update(spec=spec))
    applied.look()
    assert applied.status["phase"] == "Refused"
    assert applied.conditions() == ENDED
    assert applied.ready()["reason"] == "InvalidSpec"
    assert "speed" in applied.ready()["message"]
    assert applied.cluster.jobs == {}
