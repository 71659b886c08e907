"""What starts a run, and what an edit does to one."""

import copy
from dataclasses import replace
from datetime import timedelta
from functools import partial

from meshmigrate.controller import names
from meshmigrate.controller.decide import DeleteJob, OwnJob, decide
from meshmigrate.controller.observed import Json
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with, killed
from tests.unit.controller.scripted_cluster import KEY, UID


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
    started.finish()
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["runNumber"] == 2
    run = started.status["currentRun"]
    assert run["id"] == str(names.run_id(UID, 2, run["specHash"], ""))
    assert started.conditions()["Ready"] == "False"


def test_an_edit_of_the_provenance_starts_none(started: Story) -> None:
    """Provenance is no reason to run; only the observed generation follows."""
    started.finish()
    started.cluster.edit(lambda body: body["spec"].update(provenance={"runURL": "ci/7"}))
    started.look()
    assert started.status["runNumber"] == 1
    assert started.status["observedGeneration"] == 2
    assert {c["observedGeneration"] for c in started.status["conditions"]} == {2}


def test_a_default_written_out_starts_no_run(started: Story) -> None:
    """A target as a number or as its digits is the same target."""
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    started.finish()
    number = started.status["runNumber"]
    started.cluster.edit(lambda body: body["spec"].update(target="5"))
    started.look()
    assert started.status["runNumber"] == number


def test_another_release_with_another_hash_starts_none(started: Story) -> None:
    """An upgrade, or two releases side by side, run nothing that nobody has edited."""
    started.status["currentRun"]["specHash"] = "sha256:of-another-release"
    started.look()
    assert started.status["runNumber"] == 1
    started.finish()
    assert started.status["runNumber"] == 1
    assert started.status["observedGeneration"] == 1
    started.cluster.edit(lambda body: body["spec"].update(target=5))
    started.look()
    assert started.status["runNumber"] == 2


def test_the_annotation_starts_a_run_once(started: Story) -> None:
    """A new value of run-requested-at is one more run; the same value is none."""
    started.finish()
    annotation = {names.RUN_REQUEST_ANNOTATION: "2026-01-02T04:00:00Z"}
    started.cluster.edit(lambda body: body["metadata"].update(annotations=annotation))
    started.look()
    assert started.status["runNumber"] == 2
    assert started.status["lastRunRequest"] == "2026-01-02T04:00:00Z"
    started.finish(Outcome.UP_TO_DATE)
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
    started.finish()
    body = started.cluster.jobs[job]
    assert body["metadata"]["ownerReferences"][0]["blockOwnerDeletion"] is True
    assert body["spec"]["ttlSecondsAfterFinished"] == 3600
    calls = started.cluster.calls
    assert calls.index("write status Succeeded") < calls.index("own job")


def test_history_keeps_the_last_ten_runs(started: Story) -> None:
    """The oldest run gives way to the newest."""
    for version in range(12):
        started.finish()
        started.cluster.edit(partial(set_target, version))
        started.look()
    assert [entry["number"] for entry in started.status["history"]] == list(range(12, 2, -1))


def test_a_conflicting_write_is_decided_anew(started: Story) -> None:
    """A status that changed under the operator is read again, and the run still ends."""
    job = started.job
    started.operator.cluster.show_to(started.operator.cache)
    started.cluster.edit(lambda body: body["metadata"].update(labels={"a": "b"}))
    started.finish()
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
