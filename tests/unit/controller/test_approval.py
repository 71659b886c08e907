"""Plans in the status, and waiting until somebody approves one."""

import pytest
from msgspec import json

from meshmigrate.controller import names
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import PlannedVersion, PlanSummary, RollbackReady
from meshmigrate.domain.runspec import RunSpec
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import SPEC
from tests.unit.controller.test_conditions import DONE, TRYING
from tests.unit.controller.test_events import told

DIGEST = f"sha256:{'1' * 64}"
PLAN = PlanSummary(
    digest=DIGEST,
    count=2,
    target="2",
    versions=(
        PlannedVersion(version="1", name="users", rollback="Transactional"),
        PlannedVersion(version="2", name="email", strongest_lock="ACCESS EXCLUSIVE", steps=2),
    ),
    transaction_mode="PerFile",
    transaction_mode_reason="each file can be taken back by itself",
    strongest_lock="ACCESS EXCLUSIVE",
    hazards=("version 2: DELETE deletes data (rows of logs, deleted); allowed for this run",),
)
READY = RollbackReady(ready=True, reason="ScriptUnverified", message="there is a script")


def told_to_runner(story: Story) -> RunSpec:
    """Give the run spec of the Job in flight."""
    template = story.cluster.jobs[story.job]["spec"]["template"]
    described = template["metadata"]["annotations"][names.RUN_SPEC_ANNOTATION]
    return json.decode(described, type=RunSpec)


def end(story: Story, outcome: Outcome, reason: str = "", plan: PlanSummary | None = PLAN) -> None:
    """Let the run in flight end with a plan."""
    fields = {"plan": plan, "rollback_ready": READY, "message": f"it would {plan}"}
    ends_with(outcome, reason, **fields)(story.cluster, story.job)
    story.look()


@pytest.fixture
def required(applied: Story) -> Story:
    """Give a resource whose plans have to be approved, and whose first run has its Job."""
    spec = {**SPEC, "policy": {**SPEC["policy"], "approval": "Required"}}
    applied.cluster.edit(lambda body: body.update(spec=spec))
    applied.look()
    return applied


def test_a_plan_only_run_succeeds_with_its_plan_in_the_status(applied: Story) -> None:
    """The runner is told only to plan; what it found out is there to be read."""
    applied.cluster.edit(lambda body: body["spec"].update(mode="Plan"))
    applied.look()
    assert told_to_runner(applied).run.intent == "plan"
    assert applied.status["currentRun"]["intent"] == "plan"
    end(applied, Outcome.SUCCEEDED, "Planned")
    assert (applied.status["phase"], applied.ready()["reason"]) == ("Succeeded", "Planned")
    assert applied.conditions() == {**DONE, "RollbackReady": "True"}
    plan = applied.status["plan"]
    assert (plan["digest"], plan["direction"], plan["count"]) == (DIGEST, "Apply", 2)
    assert plan["versions"][1] == {
        "version": "2",
        "name": "email",
        "strongestLock": "ACCESS EXCLUSIVE",
        "steps": 2,
    }
    assert plan["hazards"] == list(PLAN.hazards)
    assert (plan["rollbackReady"], plan["runNumber"]) == ("ScriptUnverified", 1)
    assert told(applied)[-1] == ("Normal", "PlanReady")


def test_a_plan_that_has_to_be_approved_waits_for_a_person(required: Story) -> None:
    """Stalled, not failed; the message has the digest and the command that approves it."""
    assert told_to_runner(required).policy.approval == "Required"
    end(required, Outcome.AWAITING_APPROVAL)
    status = required.status
    assert (status["phase"], required.ready()["reason"]) == ("AwaitingApproval",) * 2
    assert required.conditions() == {**TRYING, "RollbackReady": "True"}
    message = required.ready()["message"]
    assert message.startswith("it would apply 2 versions up to 2, transaction mode PerFile")
    patch = '{"spec":{"approvedPlan":"' + DIGEST + '"}}'
    assert message.endswith(f"kubectl -n app patch dbmigration web --type merge -p '{patch}'")
    assert "failure" not in status["lastRun"]
    assert told(required)[-1] == ("Normal", "AwaitingApproval")
    required.cluster.end_job(next(iter(required.cluster.jobs)))
    required.look()
    assert "currentRun" not in required.status
    assert names.FINALIZER not in required.cluster.body()["metadata"]["finalizers"]


def test_the_command_that_approves_is_never_cut(required: Story) -> None:
    """A plan that says much, such as all the versions that it adopts, is cut instead."""
    waits = ends_with(Outcome.AWAITING_APPROVAL, plan=PLAN, message="x" * 3000)
    waits(required.cluster, required.job)
    required.look()
    message = required.ready()["message"]
    assert len(message) == 2048
    assert message.endswith(DIGEST + "\"}}'")
    assert "… To approve it: kubectl" in message


def test_an_approval_starts_the_run_that_applies(required: Story) -> None:
    """The runner is told the digest, and compares it itself; afterwards there is no plan."""
    end(required, Outcome.AWAITING_APPROVAL)
    required.cluster.end_job(next(iter(required.cluster.jobs)))
    required.cluster.edit(lambda body: body["spec"].update(approvedPlan=DIGEST))
    required.look()
    assert required.status["runNumber"] == 2
    assert told_to_runner(required).approved_plan == DIGEST
    assert told_to_runner(required).run.intent == "apply"
    required.finish()
    assert required.status["phase"] == "Succeeded"
    assert "plan" not in required.status


def test_a_plan_that_changed_meanwhile_waits_again(required: Story) -> None:
    """The reason says so, the command approves the new one."""
    required.cluster.edit(lambda body: body["spec"].update(approvedPlan=f"sha256:{'2' * 64}"))
    required.look()
    end(required, Outcome.AWAITING_APPROVAL, "PlanChanged")
    assert required.status["phase"] == "AwaitingApproval"
    assert required.ready()["reason"] == "PlanChanged"
    assert DIGEST in required.ready()["message"]


def test_an_exit_code_alone_says_that_an_approval_is_missing(required: Story) -> None:
    """Without a result nobody knows the plan; asking again is safe."""
    required.cluster.end_pod(required.job, exit_code=12)
    required.look()
    assert required.status["phase"] == "AwaitingApproval"
    assert "plan" not in required.status
