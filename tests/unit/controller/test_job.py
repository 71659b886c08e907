"""The Job of an attempt as the API server gets it."""

from typing import Any

import pytest

from meshmigrate.controller import names
from meshmigrate.domain.runspec import Access, RunSpec, decode_spec
from tests.unit.controller.conftest import Story


@pytest.fixture
def job(started: Story) -> dict[str, Any]:
    """Give the manifest of the first attempt's Job."""
    manifest: dict[str, Any] = started.cluster.jobs[started.job]
    return manifest


def pod_spec(job: dict[str, Any]) -> dict[str, Any]:
    """Give the spec of its pod."""
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def test_the_attempts_are_the_operators(job: dict[str, Any]) -> None:
    """Kubernetes itself never starts a second pod."""
    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["podReplacementPolicy"] == "Failed"
    assert pod_spec(job)["restartPolicy"] == "Never"


def test_the_deadline_is_a_backstop_behind_all_others(job: dict[str, Any]) -> None:
    """Lock wait, forward and back may take all their time after half an hour of waiting."""
    assert job["spec"]["activeDeadlineSeconds"] == 1800 + 300 + 3600 + 3600 + 300


def test_the_pod_passes_restricted_pod_security(job: dict[str, Any]) -> None:
    """No privilege, no token, no writable root, no fixed uid."""
    pod = pod_spec(job)
    container = pod["containers"][0]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["terminationGracePeriodSeconds"] == 60


def test_the_runner_is_not_process_one(job: dict[str, Any]) -> None:
    """Process 1 does not hear a SIGTERM before it has a handler for it."""
    assert pod_spec(job)["shareProcessNamespace"] is True


def test_the_secret_is_a_file_of_one_key(job: dict[str, Any]) -> None:
    """No environment variable holds it, and no other key of the Secret is mounted."""
    volume = next(v for v in pod_spec(job)["volumes"] if v["name"] == "credentials")
    assert volume["secret"] == {
        "secretName": "db",
        "items": [{"key": "DATABASE_URL", "path": "url"}],
        "defaultMode": 0o444,
    }
    assert all("valueFrom" not in env for env in pod_spec(job)["containers"][0]["env"])


def test_the_run_spec_on_the_pod_is_what_the_runner_reads(started: Story) -> None:
    """The annotation decodes as a run spec and names the folders that are mounted."""
    template = started.cluster.jobs[started.job]["spec"]["template"]
    spec = decode_spec(template["metadata"]["annotations"][names.RUN_SPEC_ANNOTATION].encode())
    assert isinstance(spec, RunSpec)
    assert str(spec.run.id) == started.status["currentRun"]["id"]
    assert spec.resource == "app/web"
    mounts = {mount["mountPath"] for mount in template["spec"]["containers"][0]["volumeMounts"]}
    assert set(spec.folders.migrations) <= mounts


def test_the_runner_is_told_the_role_and_the_search_path(applied: Story) -> None:
    """What the resource says about the database and is no secret stands in the run spec."""
    access = {"role": "app_owner", "searchPath": ["app", "public"]}
    applied.cluster.edit(lambda body: body["spec"]["database"].update(access))
    applied.look()
    template = applied.cluster.jobs[applied.job]["spec"]["template"]
    spec = decode_spec(template["metadata"]["annotations"][names.RUN_SPEC_ANNOTATION].encode())
    assert spec.database == Access(role="app_owner", search_path=("app", "public"))


@pytest.mark.parametrize("allowed", [True, False])
def test_the_runner_is_told_whether_it_may_go_back(
    applied: Story,
    allowed: bool,
) -> None:
    """A target below the current version is refused by the runner, unless the resource allows."""
    applied.cluster.edit(lambda body: body["spec"].update(target=2, allowRollback=allowed))
    applied.look()
    template = applied.cluster.jobs[applied.job]["spec"]["template"]
    spec = decode_spec(template["metadata"]["annotations"][names.RUN_SPEC_ANNOTATION].encode())
    assert (spec.target, spec.allow_rollback) == ("2", allowed)


def test_each_config_map_has_a_folder_of_its_own(applied: Story) -> None:
    """Files of one name in two ConfigMaps do not hide each other."""
    maps = [
        {"name": "a", "content": "migrations"},
        {"name": "b", "content": "migrations"},
        {"name": "c", "content": "rollbacks"},
        {"name": "d", "content": "checks"},
    ]
    applied.cluster.edit(lambda body: body["spec"].update(source={"configMaps": maps}))
    applied.look()
    template = applied.cluster.jobs[applied.job]["spec"]["template"]
    spec = decode_spec(template["metadata"]["annotations"][names.RUN_SPEC_ANNOTATION].encode())
    assert spec.folders.migrations == ("/source/migrations/a", "/source/migrations/b")
    assert spec.folders.rollbacks == ("/source/rollbacks/c",)
    assert spec.folders.checks == ("/source/checks/d",)


def test_a_job_name_is_a_label_however_long_the_resource_name() -> None:
    """63 characters, no dots, different for every run and attempt, and for a namesake."""
    long = "a.b" * 60
    found = {
        names.job_name(long, uid, run, attempt)
        for uid in ("1", "2")
        for run in (1, 2)
        for attempt in (1, 2)
    }
    assert len(found) == 8
    assert all(len(name) <= 63 and "." not in name for name in found)
