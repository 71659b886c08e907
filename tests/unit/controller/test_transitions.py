"""Each transition of phase is told by one event, whichever phases they are."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from meshmigrate.controller.admission import Allowed
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import PlanSummary
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import KEY, OTHER_KEY, other_body
from tests.unit.controller.test_cancel import stop_runner
from tests.unit.controller.test_progress import BACK, says

ROOT: Final = Path(__file__).parents[3]
Act = Callable[[Story], None]
Transition = tuple[Act, str, list[str]]
"""What is done, the phase after it, and the events that it adds."""
APPROVAL: Final = PlanSummary(digest=f"sha256:{'0' * 64}", count=2)


def look(story: Story) -> None:
    """Let the operator look at what has just been applied."""
    story.look()


def run(story: Story) -> None:
    """Let the container start."""
    story.run()


def back_off(story: Story) -> None:
    """Let the attempt end, so that another one follows."""
    story.back_off()


def edit(**spec: Any) -> Act:
    """Edit the spec."""

    def act(story: Story) -> None:
        story.cluster.set_spec(**spec)
        story.look()

    return act


def end(outcome: Outcome, **fields: Any) -> Act:
    """Let the runner end."""

    def act(story: Story) -> None:
        ends_with(outcome, **fields)(story.cluster, story.job)
        story.look()

    return act


def look_late(story: Story) -> None:
    """Look when the retry deadline has passed; the next attempt begins, and its Job."""
    story.cluster.clock.pass_time(timedelta(hours=1))
    story.look()


def come_second(story: Story) -> None:
    """Let another resource have the database, and then look at ours."""
    story.cluster.apply(other_body())
    asyncio.run(story.operator.look(OTHER_KEY))
    story.cluster.clock.pass_time(timedelta(seconds=1))
    story.look()


def first_ends(story: Story) -> None:
    """Let the other resource's run end."""
    (job,) = story.cluster.jobs
    ends_with(Outcome.SUCCEEDED)(story.cluster, job)
    asyncio.run(story.operator.look(OTHER_KEY))
    story.look()


def forbid(story: Story) -> None:
    """Let the administrator's rules not allow what the spec asks for."""
    story.operator.restart(Allowed())
    edit(job={"serviceAccountName": "root"})(story)


def stopped(story: Story) -> None:
    """Let the runner of a cancelled run end, and the one that goes back start."""
    stop_runner(story, story.job)
    story.run()


def go_back(story: Story) -> None:
    """Let the runner say that it goes back."""
    asyncio.run(story.operator.read_logs())
    says(story, BACK)


BEGUN: Final[Transition] = (look, "Pending", ["RunStarted"])
STARTED: Final[list[Transition]] = [BEGUN, (run, "Running", [])]
STORIES: Final[dict[str, list[Transition]]] = {
    outcome.value: [*STARTED, (end(outcome), outcome.value, [outcome.value])]
    for outcome in (
        *(Outcome.SUCCEEDED, Outcome.REFUSED, Outcome.FAILED),
        *(Outcome.ROLLED_BACK, Outcome.HALTED, Outcome.ROLLBACK_FAILED),
    )
} | {
    "nothing to do": [*STARTED, (end(Outcome.UP_TO_DATE), "Succeeded", ["Succeeded"])],
    "a plan": [*STARTED, (end(Outcome.SUCCEEDED, reason="Planned"), "Succeeded", ["PlanReady"])],
    "approval": [
        *STARTED,
        (
            end(Outcome.AWAITING_APPROVAL, plan=APPROVAL),
            "AwaitingApproval",
            ["AwaitingApproval"],
        ),
        (edit(approvedPlan=APPROVAL.digest), "Pending", ["RunStarted"]),
    ],
    "a spec that cannot be meant": [(edit(sauce=1), "Refused", ["InvalidSpec"])],
    "a spec that is not allowed": [
        (forbid, "Refused", ["ServiceAccountNotAllowed"]),
        (edit(job={}), "Pending", ["RunStarted"]),
    ],
    "suspended at rest": [
        (edit(suspend=True), "Suspended", ["Suspended"]),
        (edit(suspend=False), "Pending", ["RunStarted"]),
    ],
    "suspended before it started": [BEGUN, (edit(suspend=True), "Suspended", ["Suspended"])],
    "queued": [
        (come_second, "Queued", ["RunStarted"]),
        (first_ends, "Pending", []),
        (run, "Running", []),
    ],
    "going back": [
        *STARTED,
        (go_back, "RollingBack", ["RollbackStarted"]),
        (end(Outcome.ROLLED_BACK), "RolledBack", ["RolledBack"]),
    ],
    "cancelled": [
        *STARTED,
        (Story.cancel, "RollingBack", ["Cancelled"]),
        (stopped, "RollingBack", ["RollbackStarted"]),
        (end(Outcome.CANCELLED), "Cancelled", ["Cancelled"]),
    ],
    "tried for too long": [
        *STARTED,
        (back_off, "Pending", ["DatabaseUnreachable"]),
        (look_late, "Pending", []),
        (run, "Running", []),
        (back_off, "Retrying", ["DatabaseUnreachable"]),
    ],
}


def told(story: Story) -> Counter[str]:
    """Give how often each reason was told about the resource."""
    reasons: Counter[str] = Counter()
    for event in story.cluster.told.values():
        if event["involvedObject"]["name"] == KEY.name:
            reasons[event["reason"]] += event["count"]
    return reasons


@pytest.mark.parametrize("name", STORIES)
def test_each_transition_is_told_once(applied: Story, name: str) -> None:
    """However often the operator looks; `Running` was told by `RunStarted`."""
    for act, phase, reasons in STORIES[name]:
        before = told(applied)
        act(applied)
        assert applied.status["phase"] == phase
        applied.look()
        assert list((told(applied) - before).elements()) == reasons


def test_every_phase_is_among_them() -> None:
    """As the definition of the resource lists them."""
    definition = yaml.safe_load((ROOT / "crds" / "databasemigrations.yaml").read_text())
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    said = schema["status"]["properties"]["phase"]["description"].split("Programs")[0]
    phases = set(re.findall(r"[A-Z]\w+", said.partition(":")[2]))
    assert phases == {phase for story in STORIES.values() for _, phase, _ in story}
