"""What a person reads in the status about the end of a run."""

from typing import Any

from meshmigrate.controller.spec import parse_spec
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import FailureDetail, Fingerprints
from tests.unit.controller.conftest import Story
from tests.unit.controller.scripted_cluster import SPEC, make_result


def test_data_that_a_rollback_did_not_bring_back_is_named(started: Story) -> None:
    """In the message and in the status; the mode of the run is there, too."""
    lost = ("version 2: column users.name, dropped", "version 2: rows of users, deleted")
    run_id = started.status["currentRun"]["id"]
    result = make_result(
        run_id,
        Outcome.ROLLED_BACK,
        Reason.DATA_NOT_RESTORED,
        transaction_mode="PerFile",
        failure=FailureDetail(message="division by zero", data_not_restored=lost),
    )
    started.cluster.end_pod(started.job, exit_code=20, message=result)
    started.look()
    ready = started.ready()
    assert ready["reason"] == "DataNotRestored"
    assert f"Data that is not restored: {'; '.join(lost)}." in ready["message"]
    last = started.status["lastRun"]
    assert last["transactionMode"] == "PerFile"
    assert tuple(last["failure"]["dataNotRestored"]) == lost


def test_the_proof_of_a_rollback_is_in_the_status(started: Story) -> None:
    """Three digests, of which two are equal where the run is back where it began."""
    schema = Fingerprints(before="sha256:a", after="sha256:a", expected="sha256:a")
    end_as(started, Outcome.ROLLED_BACK, fingerprint=schema)
    found = started.status["lastRun"]["fingerprint"]
    assert found == {"before": "sha256:a", "after": "sha256:a", "expected": "sha256:a"}
    assert "proven to be as it was before" in started.ready()["message"]


def test_what_others_changed_meanwhile_is_not_called_as_before(started: Story) -> None:
    """The run is taken back, the schema differs: both is said."""
    difference = "grants: table t is missing; it was: r"
    end_as(started, Outcome.ROLLED_BACK, reason=Reason.CONCURRENT_CHANGE, differences=(difference,))
    message = started.ready()["message"]
    assert "proven to be as it was before" not in message
    assert f"none of its scripts touches. Different: {difference}." in message


def end_as(story: Story, outcome: Outcome, *, reason: str = "", **fields: Any) -> None:
    """Let the runner end with this result."""
    run_id = story.status["currentRun"]["id"]
    result = make_result(run_id, outcome, reason, **fields)
    story.cluster.end_pod(story.job, exit_code=outcome.exit_code, message=result)
    story.look()


def test_the_runner_obeys_the_mode_of_the_resource() -> None:
    """It is a part of its policy; Auto unless the resource says otherwise."""
    asked = parse_spec({**SPEC, "policy": {"transactionMode": "Batch"}})
    assert asked.policy.of_the_run.transaction_mode == "Batch"
    assert parse_spec(SPEC).policy.of_the_run.transaction_mode == "Auto"
