"""What a person reads in the status about the end of a run."""

from meshmigrate.controller.spec import parse_spec
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import FailureDetail
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


def test_the_runner_obeys_the_mode_of_the_resource() -> None:
    """It is a part of its policy; Auto unless the resource says otherwise."""
    asked = parse_spec({**SPEC, "policy": {"transactionMode": "Batch"}})
    assert asked.policy.of_the_run.transaction_mode == "Batch"
    assert parse_spec(SPEC).policy.of_the_run.transaction_mode == "Auto"
