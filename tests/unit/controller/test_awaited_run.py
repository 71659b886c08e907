"""Which end of a run is the one that was waited for."""

import pytest

from meshmigrate.controller import names
from meshmigrate.controller.awaited_run import AwaitedRun, RunEnd
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import PlanSummary
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with


def end_seen(run: AwaitedRun, story: Story) -> RunEnd | None:
    """Look at the resource as it is now."""
    return run.look(story.cluster.body()).end


def outcome_seen(run: AwaitedRun, story: Story) -> Outcome | None:
    """Give the outcome that a look shows."""
    end = end_seen(run, story)
    return end.outcome if end else None


def test_a_resource_that_nobody_has_looked_at_has_not_ended(applied: Story) -> None:
    """Its status is the schema's default."""
    assert end_seen(AwaitedRun(), applied) is None


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome.final])
def test_every_end_is_seen_with_its_details(started: Story, outcome: Outcome) -> None:
    """The result is the runner's, as far as the status keeps it."""
    run = AwaitedRun()
    assert end_seen(run, started) is None
    started.finish(outcome)
    end = end_seen(run, started)
    assert end is not None
    assert end.outcome is outcome
    assert end.result is not None
    assert (end.result.outcome, end.result.reason) == (outcome, outcome.value)
    assert end.result.run_id == started.status["lastRun"]["id"]
    assert end.result.current_version == "3"
    if outcome.succeeded:
        assert end.result.applied.count == 3
        assert end.result.message == started.ready()["message"]
    elif outcome is not Outcome.AWAITING_APPROVAL:
        assert end.result.failure is not None
        assert end.result.failure.line == 4


def test_an_end_before_the_first_look_is_seen(started: Story) -> None:
    """Nothing has changed since: it is the end of what the spec asks for."""
    started.finish()
    assert outcome_seen(AwaitedRun(), started) is Outcome.SUCCEEDED


def test_the_success_of_an_older_spec_does_not_count(started: Story) -> None:
    """The operator has not seen the new one yet."""
    started.finish()
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    run = AwaitedRun()
    assert end_seen(run, started) is None
    started.look()
    assert end_seen(run, started) is None
    started.finish(Outcome.ROLLED_BACK)
    assert outcome_seen(run, started) is Outcome.ROLLED_BACK


def test_the_success_before_a_request_to_run_again_does_not_count(started: Story) -> None:
    """A request is an annotation, and changes no generation."""
    started.finish()
    annotation = {names.RUN_REQUEST_ANNOTATION: "2026-01-02T04:00:00Z"}
    started.cluster.edit(lambda body: body["metadata"].update(annotations=annotation))
    run = AwaitedRun()
    assert end_seen(run, started) is None
    started.look()
    started.finish(Outcome.FAILED)
    assert outcome_seen(run, started) is Outcome.FAILED


def test_an_edit_that_runs_nothing_leaves_the_end_as_it_was(started: Story) -> None:
    """Another provenance is another generation, and no run."""
    started.finish(Outcome.HALTED)
    started.cluster.edit(lambda body: body["spec"].update(provenance={"commit": "4d7974a"}))
    run = AwaitedRun()
    assert end_seen(run, started) is None
    started.look()
    assert outcome_seen(run, started) is Outcome.HALTED


def test_a_run_is_followed_past_an_edit_that_comes_after_it(started: Story) -> None:
    """Its end counts, although the next run has begun when somebody looks again."""
    run = AwaitedRun()
    end_seen(run, started)
    started.cluster.start_pod(started.job)
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    started.finish(Outcome.ROLLED_BACK)
    started.look()
    assert started.status["currentRun"]["number"] == 2
    assert outcome_seen(run, started) is Outcome.ROLLED_BACK


def test_a_superseded_run_is_followed_by_the_one_that_replaced_it(started: Story) -> None:
    """It has no end of its own."""
    run = AwaitedRun()
    end_seen(run, started)
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["lastRun"]["outcome"] == "Superseded"
    assert end_seen(run, started) is None
    started.finish()
    assert outcome_seen(run, started) is Outcome.SUCCEEDED


def test_an_end_whose_details_are_gone_is_seen_all_the_same(started: Story) -> None:
    """Two ends between two looks: the history has the outcome."""
    run = AwaitedRun()
    end_seen(run, started)
    started.finish(Outcome.ROLLED_BACK)
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    started.finish()
    assert end_seen(run, started) == RunEnd(Outcome.ROLLED_BACK, None)


def test_a_spec_that_is_refused_without_a_run_has_ended(started: Story) -> None:
    """The details of the run before are not its own."""
    started.finish()
    started.cluster.edit(lambda body: body["spec"].update(policy={"onFailure": "Explode"}))
    run = AwaitedRun()
    assert end_seen(run, started) is None
    started.look()
    assert end_seen(run, started) == RunEnd(Outcome.REFUSED, None)


def test_a_plan_that_waits_for_an_approval_is_an_end(started: Story) -> None:
    """Seen while it ran, or only afterwards; another spec approves it, and that is another run."""
    run = AwaitedRun()
    end_seen(run, started)
    plan = PlanSummary(digest="sha256:1", count=2, target="2", transaction_mode="PerFile")
    ends_with(Outcome.AWAITING_APPROVAL, plan=plan)(started.cluster, started.job)
    started.look()
    for each in (run, AwaitedRun()):
        end = end_seen(each, started)
        assert end is not None
        assert end.outcome is Outcome.AWAITING_APPROVAL
        assert end.result is not None
        assert end.result.plan == plan
        assert end.result.message == started.ready()["message"]


def test_a_run_that_is_still_tried_has_not_ended(started: Story) -> None:
    """A person is needed, but what happens then is still its end."""
    run = AwaitedRun()
    started.finish(Outcome.UNREACHABLE)
    assert end_seen(run, started) is None
    for condition in started.status["conditions"]:
        condition["status"] = {"Stalled": "True", "Reconciling": "False"}.get(
            condition["type"], condition["status"]
        )
    assert end_seen(run, started) is None


def test_a_namesake_is_another_resource(started: Story) -> None:
    """Deleted and made again: not what was waited for."""
    run = AwaitedRun()
    run.look(started.cluster.body())
    assert not run.is_another(started.cluster.body())
    started.cluster.body()["metadata"]["uid"] = "5b0c2f4e-5a0e-4d53-9d0f-6d1f0c2b7a11"
    assert run.is_another(started.cluster.body())


def test_what_the_run_is_at_is_passed_on(started: Story) -> None:
    """With the ConfigMaps, by which a file of the result is found again."""
    started.status["currentRun"]["progress"] = {"version": "3", "total": 7}
    look = AwaitedRun().look(started.cluster.body())
    assert look.progress == {"version": "3", "total": 7}
    assert look.contents == {"web-1": "migrations"}
    assert look.phase == "Pending"
