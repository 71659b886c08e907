"""What starts a run, what an edit does to one, and what deletion does."""

import copy
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from meshmigrate.controller import names
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.decide import DeleteJob, OwnJob, decide
from meshmigrate.controller.observed import Json, ObservedResource
from meshmigrate.controller.port import Conflict
from meshmigrate.controller.status import Status
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with, killed
from tests.unit.controller.scripted_cluster import KEY, UID


def finish(story: Story, outcome: Outcome = Outcome.SUCCEEDED) -> None:
    """Let the run in flight end, and its Job be over."""
    job = story.job
    ends_with(outcome)(story.cluster, job)
    story.look()
    story.cluster.end_job(job)
    story.look()


def set_target(version: int, body: Json) -> None:
    """Edit the target."""
    body["spec"]["target"] = version


def test_the_status_is_written_before_the_job_exists(applied: Story) -> None:
    """Write-ahead: currentRun names the Job that is created next."""
    applied.look()
    calls = applied.cluster.calls
    assert calls.index("write status Pending") < calls.index("create job")
    assert applied.cluster.created_jobs == [applied.job]


def test_an_edit_of_the_spec_starts_a_run(started: Story) -> None:
    """After a run has ended, another spec is another run with the next number."""
    finish(started)
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["runNumber"] == 2
    run = started.status["currentRun"]
    assert run["id"] == str(names.run_id(UID, 2, run["specHash"], ""))
    assert started.conditions()["Ready"] == "False"


def test_an_edit_of_the_provenance_starts_none(started: Story) -> None:
    """Provenance is no reason to run; only the observed generation follows."""
    finish(started)
    started.cluster.edit(lambda body: body["spec"].update(provenance={"runURL": "ci/7"}))
    started.look()
    assert started.status["runNumber"] == 1
    assert started.status["observedGeneration"] == 2
    assert {c["observedGeneration"] for c in started.status["conditions"]} == {2}


def test_a_default_written_out_starts_no_run(started: Story) -> None:
    """A target as a number or as its digits is the same target."""
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    finish(started)
    number = started.status["runNumber"]
    started.cluster.edit(lambda body: body["spec"].update(target="5"))
    started.look()
    assert started.status["runNumber"] == number


def test_another_release_with_another_hash_starts_none(started: Story) -> None:
    """An upgrade, or two releases side by side, run nothing that nobody has edited."""
    started.status["currentRun"]["specHash"] = "sha256:of-another-release"
    started.look()
    assert started.status["runNumber"] == 1
    finish(started)
    assert started.status["runNumber"] == 1
    assert started.status["observedGeneration"] == 1
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["runNumber"] == 2


def test_the_annotation_starts_a_run_once(started: Story) -> None:
    """A new value of run-requested-at is one more run; the same value is none."""
    finish(started)
    annotation = {names.RUN_REQUEST_ANNOTATION: "2026-01-02T04:00:00Z"}
    started.cluster.edit(lambda body: body["metadata"].update(annotations=annotation))
    started.look()
    assert started.status["runNumber"] == 2
    assert started.status["lastRunRequest"] == "2026-01-02T04:00:00Z"
    finish(started, Outcome.UP_TO_DATE)
    assert started.status["runNumber"] == 2
    assert "currentRun" not in started.status


def test_an_edit_before_the_container_starts_supersedes_at_once(started: Story) -> None:
    """The old Job is deleted before the new one is created; the old run is closed."""
    first = started.job
    started.cluster.waiting_pod(first)
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["runNumber"] == 2
    assert started.status["history"][0]["outcome"] == "Superseded"
    assert started.status["lastRun"]["number"] == 1
    assert list(started.cluster.jobs) == [started.job]
    calls = started.cluster.calls
    assert calls.index("delete job") < len(calls) - 1 - calls[::-1].index("create job")


def test_an_edit_while_the_container_runs_waits_for_its_end(started: Story) -> None:
    """The run in flight keeps its spec; the edit is run afterwards."""
    first = started.job
    started.cluster.start_pod(first)
    started.look()
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["runNumber"] == 1
    ends_with(Outcome.SUCCEEDED)(started.cluster, first)
    started.look()
    assert started.status["runNumber"] == 2
    assert started.status["lastRun"]["outcome"] == "Succeeded"
    assert started.status["observedGeneration"] == 2
    assert len(started.cluster.created_jobs) == 1, "the first Job is not over yet"
    started.cluster.end_job(first, "Complete")
    started.look()
    assert len(started.cluster.created_jobs) == 2


def test_the_result_of_an_older_generation_does_not_claim_the_newer(started: Story) -> None:
    """Until the edit has been run, observedGeneration stays behind: kstatus sees it wait."""
    started.cluster.start_pod(started.job)
    started.look()
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["observedGeneration"] == 1


def test_an_edit_in_back_off_supersedes_at_once(started: Story) -> None:
    """Nobody waits for a back-off to end when the spec has changed."""
    ends_with(Outcome.UNREACHABLE)(started.cluster, started.job)
    started.cluster.end_job(started.job)
    started.look()
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["runNumber"] == 2
    assert len(started.cluster.created_jobs) == 2


def test_a_running_job_has_no_owner(started: Story) -> None:
    """A foreground deletion of the resource must not kill a run: no ownerReference yet."""
    started.cluster.start_pod(started.job)
    started.look()
    assert "ownerReferences" not in started.cluster.jobs[started.job]["metadata"]


def test_a_job_is_owned_and_expires_after_its_result_is_stored(started: Story) -> None:
    """One patch sets the ownerReference and the time to live, after the status."""
    job = started.job
    finish(started)
    body = started.cluster.jobs[job]
    assert body["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] is True
    assert body["spec"]["ttlSecondsAfterFinished"] == 3600
    calls = started.cluster.calls
    assert calls.index("write status Succeeded") < calls.index("own job")


def test_the_finalizer_is_there_only_while_a_run_is_in_flight(started: Story) -> None:
    """It comes before the Job and goes after the result."""
    meta = started.cluster.body()["metadata"]
    assert meta["finalizers"] == [names.FINALIZER]
    finish(started)
    assert meta["finalizers"] == []


def test_a_finalizer_of_somebody_else_stays(started: Story) -> None:
    """Only our own finalizer is ours to remove."""
    started.cluster.edit(lambda body: body["metadata"]["finalizers"].append("example.org/keep"))
    finish(started)
    assert started.cluster.body()["metadata"]["finalizers"] == ["example.org/keep"]


def test_a_deleted_resource_waits_for_its_run(started: Story) -> None:
    """Deletion does not disturb a container that works on the database."""
    started.cluster.start_pod(started.job)
    started.look()
    started.cluster.delete()
    started.look()
    assert KEY in started.cluster.resources
    assert started.job in started.cluster.jobs
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    assert KEY not in started.cluster.resources


def test_a_deleted_resource_lets_go_of_a_job_that_has_not_started(started: Story) -> None:
    """A run that has not begun is called off with its resource."""
    started.cluster.waiting_pod(started.job)
    started.cluster.delete()
    started.look()
    assert KEY not in started.cluster.resources
    assert started.cluster.jobs == {}


def test_a_deleted_resource_starts_no_run(started: Story) -> None:
    """A lost pod of a deleted resource is not followed by another attempt."""
    killed(started.cluster, started.job)
    started.cluster.delete()
    started.look()
    assert KEY not in started.cluster.resources
    assert len(started.cluster.created_jobs) == 1


def test_a_deletion_of_everything_is_not_held_up(started: Story) -> None:
    """When Job and pod are going, as with their namespace, the finalizer goes at once."""
    pod = started.cluster.start_pod(started.job)
    started.look()
    moment = format_time(started.cluster.clock())
    pod["metadata"]["deletionTimestamp"] = moment
    started.cluster.jobs[started.job]["metadata"]["deletionTimestamp"] = moment
    started.cluster.delete()
    started.look()
    assert KEY not in started.cluster.resources


def test_history_keeps_the_last_ten_runs(started: Story) -> None:
    """The oldest run gives way to the newest."""
    for version in range(12):
        finish(started)
        started.cluster.edit(partial(set_target, version))
        started.look()
    assert [entry["number"] for entry in started.status["history"]] == list(range(12, 2, -1))


def test_a_pod_that_does_not_go_is_given_up(started: Story) -> None:
    """Half a minute after its grace period a pod counts as lost, its Job is deleted."""
    first = started.job
    pod = started.cluster.start_pod(first)
    started.look()
    pod["metadata"]["deletionTimestamp"] = format_time(started.cluster.clock())
    started.look()
    assert started.status["phase"] == "Running"
    started.cluster.clock.pass_time(timedelta(seconds=31))
    started.look()
    assert started.ready()["reason"] == "RunnerLost"
    started.cluster.clock.pass_time(timedelta(seconds=11))
    started.look()
    assert first not in started.cluster.jobs
    assert started.status["currentRun"]["attempt"] == 2


@pytest.mark.parametrize("exit_code", [137, 143, 139])
def test_a_killed_container_is_no_failure_but_a_new_attempt(started: Story, exit_code: int) -> None:
    """A signal ended it: the next attempt asks the database what happened."""
    started.cluster.end_pod(started.job, exit_code=exit_code)
    started.look()
    assert started.status["currentRun"]["lastAttempt"]["reason"] == "RunnerLost"
    assert len(started.cluster.created_jobs) == 1, "the old Job is not over yet"
    started.cluster.end_job(started.job)
    started.look()
    assert started.status["currentRun"]["attempt"] == 2
    assert len(started.cluster.created_jobs) == 2


def test_what_kept_the_program_from_starting_is_told(started: Story) -> None:
    """A wrong image ends without a result, and the kubelet's text is the only cause there is."""
    cause = b'exec: "meshmigrate": executable file not found in $PATH'
    started.cluster.end_pod(started.job, exit_code=128, message=cause)
    started.look()
    assert cause.decode() in started.ready()["message"]


def test_an_end_whose_answer_was_lost_is_counted_all_the_same(
    started: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write had been done: the conflict is with ourselves."""
    write_status = started.cluster.write_status

    async def losing(resource: ObservedResource, status: Status) -> ObservedResource:
        written = await write_status(resource, status)
        if status.phase == "Succeeded":
            raise Conflict("the answer was lost, and the second try met the first")
        return written

    monkeypatch.setattr(started.cluster, "write_status", losing)
    finish(started)
    count = started.operator.metrics.registry.get_sample_value(
        "meshmigrate_runs_total",
        {"namespace": KEY.namespace, "outcome": "Succeeded", "reason": "Succeeded"},
    )
    assert count == 1


def test_an_evicted_pod_is_a_lost_runner(started: Story) -> None:
    """A pod that the kubelet failed as a whole leaves no result either."""
    pod = started.cluster.start_pod(started.job)
    started.look()
    pod["status"] = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    started.look()
    assert started.ready()["reason"] == "RunnerLost"
    assert "Evicted: low on memory" in started.ready()["message"]


def test_a_job_that_ends_without_a_container_is_tried_again(started: Story) -> None:
    """A Job past its deadline that never started lost no runner: it backs off."""
    started.cluster.end_job(started.job, message="Job was active longer than specified deadline")
    started.look()
    assert started.ready()["reason"] == "PodNotStarted"
    assert "active longer" in started.ready()["message"]
    started.cluster.clock.pass_time(timedelta(seconds=7))
    started.look()
    assert len(started.cluster.created_jobs) == 2
    assert "lostPods" not in started.status["currentRun"]


def test_a_run_that_another_one_closed_is_begun_anew(started: Story) -> None:
    """Its id has a stored end and would give that for ever: the work gets a new number."""
    ends_with(Outcome.INTERRUPTED, "Abandoned")(started.cluster, started.job)
    started.cluster.end_job(started.job)
    started.look()
    assert started.status["runNumber"] == 2
    assert started.status["history"][0]["outcome"] == "Superseded"
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    assert started.status["phase"] == "Succeeded"


def test_a_conflicting_write_is_decided_anew(started: Story) -> None:
    """A status that changed under the operator is read again, and the run still ends."""
    job = started.job
    started.operator.cluster.show_to(started.operator.cache)
    started.cluster.edit(lambda body: body["metadata"].update(labels={"a": "b"}))
    finish(started)
    assert started.status["phase"] == "Succeeded"
    assert started.cluster.created_jobs == [job]


def test_a_job_newer_than_the_status_is_left_alone(started: Story) -> None:
    """An operator with an old view of the resource does not touch what a newer one began."""
    old = copy.deepcopy(started.cluster.body())
    killed(started.cluster, started.job)
    started.look()
    started.cluster.end_job(started.job)
    started.look()
    second = started.job
    assert started.status["currentRun"]["attempt"] == 2
    started.cluster.resources[KEY] = old
    started.cluster.clock.pass_time(timedelta(seconds=60))
    observed = started.cluster.observe()
    touched = decide(replace(observed, jobs=(observed.jobs[1],)))
    assert second == observed.jobs[1].name
    assert not isinstance(touched, DeleteJob | OwnJob)
