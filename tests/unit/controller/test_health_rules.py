"""Every state of a resource, as GitOps tools see it by the rules of docs/gitops.md."""

import pytest

from meshmigrate.controller.conditions import Verdict, with_verdict
from meshmigrate.controller.observed import Json
from meshmigrate.controller.status import dump_status
from meshmigrate.domain.outcome import Outcome
from tests.gitops_rules import argo_health, flux_status
from tests.unit.controller.conftest import Story
from tests.unit.controller.scripted_cluster import resource_body

HELD_UP = Verdict(("False", "False", "True", "Unknown"))
IN_PROGRESS = ("inProgress", "Progressing")
GOOD_ENDS = {Outcome.SUCCEEDED, Outcome.UP_TO_DATE, Outcome.AWAITING_APPROVAL}
BAD_ENDS = [each.value for each in Outcome if each.final and each not in GOOD_ENDS]
STATES = [
    *((Verdict.IN_PROGRESS, phase, *IN_PROGRESS) for phase in ("Pending", "Queued", "Running")),
    (Verdict.IN_PROGRESS, "RollingBack", *IN_PROGRESS),
    (Verdict.DONE, "Succeeded", "current", "Healthy"),
    *((Verdict.ENDED_BADLY, phase, "failed", "Degraded") for phase in BAD_ENDS),
    (HELD_UP, "Retrying", "inProgress", "Degraded"),
    (HELD_UP, "AwaitingApproval", "inProgress", "Suspended"),
    (HELD_UP, "Suspended", "inProgress", "Suspended"),
]


def in_state(story: Story, verdict: Verdict, phase: str) -> Json:
    """Give the resource in a state, as the operator would store it."""
    status = with_verdict(story.cluster.observe(), verdict, phase, "ForAReason", "a sentence")
    return {**story.cluster.body(), "status": dump_status(status)}


@pytest.mark.parametrize(("verdict", "phase", "flux", "argo"), STATES)
def test_both_see_every_state_as_it_is(
    started: Story, verdict: Verdict, phase: str, flux: str, argo: str
) -> None:
    """Argo CD knows suspended; to Flux only a run that ended badly is a failure."""
    resource = in_state(started, verdict, phase)
    assert flux_status(resource) == flux
    assert argo_health(resource) == {"status": argo, "message": f"{phase}: a sentence"}


def test_a_fresh_resource_is_in_progress() -> None:
    """Its status is the schema's default."""
    assert flux_status(resource_body()) == "inProgress"
    assert argo_health(resource_body())["status"] == "Progressing"


def test_an_older_success_is_no_success(started: Story) -> None:
    """The spec has changed, and the operator has not seen it."""
    started.finish()
    assert flux_status(started.cluster.body()) == "current"
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    assert flux_status(started.cluster.body()) == "inProgress"
    assert argo_health(started.cluster.body())["status"] == "Progressing"
