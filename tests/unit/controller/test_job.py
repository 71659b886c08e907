"""The Job of an attempt as the API server gets it."""

from typing import Any

import pytest

from meshmigrate.controller import names
from meshmigrate.controller.admission import Allowed
from meshmigrate.domain.runspec import (
    TLS,
    Access,
    Connection,
    Folders,
    RunSpec,
    decode_spec,
)
from tests.unit.controller.conftest import Story
from tests.unit.controller.scripted_cluster import UID


@pytest.fixture
def job(started: Story) -> dict[str, Any]:
    """Give the manifest of the first attempt's Job."""
    manifest: dict[str, Any] = started.cluster.jobs[started.job]
    return manifest


def pod_spec(job: dict[str, Any]) -> dict[str, Any]:
    """Give the spec of its pod."""
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def told(template: dict[str, Any]) -> RunSpec:
    """Give the run spec on a pod."""
    return decode_spec(template["metadata"]["annotations"][names.RUN_SPEC_ANNOTATION].encode())


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
    items = [{"key": "DATABASE_URL", "path": "url"}]
    assert volume["projected"] == {
        "sources": [{"secret": {"name": "db", "items": items}}],
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


IMAGE = {
    "reference": f"registry.example.com/app@sha256:{'0' * 64}",
    "migrationsPath": "/db/migrations",
    "checksPath": "db/checks/",
    "pullPolicy": "Always",
}


def test_an_image_is_mounted_whole_and_its_folders_are_named(applied: Story) -> None:
    """No link may lead the runner out of it."""
    applied.cluster.edit(lambda body: body["spec"].update(source={"image": IMAGE}))
    applied.look()
    template = applied.cluster.jobs[applied.job]["spec"]["template"]
    volume = next(v for v in template["spec"]["volumes"] if v["name"] == "source-0")
    assert volume["image"] == {"reference": IMAGE["reference"], "pullPolicy": "Always"}
    assert told(template).folders == Folders(
        migrations=("/source/db/migrations",), checks=("/source/db/checks",), within="/source"
    )
    mounts = template["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "source-0", "mountPath": "/source", "readOnly": True} in mounts


@pytest.mark.parametrize("path", ["../../etc", "/a/../../etc", "//etc"])
def test_a_path_stays_in_its_image(applied: Story, path: str) -> None:
    """Whatever the schema let through."""
    image = {**IMAGE, "migrationsPath": path}
    applied.cluster.edit(lambda body: body["spec"].update(source={"image": image}))
    applied.look()
    template = applied.cluster.jobs[applied.job]["spec"]["template"]
    assert told(template).folders.migrations == ("/source/etc",)


def key(name: str, key: str) -> dict[str, Any]:
    """Give a reference to a key of a Secret."""
    return {"secretKeyRef": {"name": name, "key": key}}


def test_parts_of_a_connection_are_files_of_one_volume(applied: Story) -> None:
    """One projection for each Secret, so that all change together; what is plain is told."""
    connection = {
        "host": {"value": "web-rw"},
        "port": {"value": 5433},
        "dbname": {"value": "app"},
        "user": key("web-app", "username"),
        "password": key("web-app", "password"),
    }
    tls = {
        "mode": "verify-ca",
        "rootCertificate": {"configMapKeyRef": {"name": "web-ca", "key": "ca.crt"}},
        "clientCertificate": {"secretRef": {"name": "web-client"}},
    }
    database = {"connection": connection, "tls": tls}
    applied.cluster.edit(lambda body: body["spec"].update(database=database))
    applied.look()
    template = applied.cluster.jobs[applied.job]["spec"]["template"]
    volume = next(v for v in template["spec"]["volumes"] if v["name"] == "credentials")
    items = [
        ("secret", "web-app", {"username": "user", "password": "password"}),
        ("configMap", "web-ca", {"ca.crt": "root.crt"}),
        ("secret", "web-client", {"tls.crt": "tls.crt", "tls.key": "tls.key"}),
    ]
    assert volume["projected"]["sources"] == [
        {kind: {"name": name, "items": [{"key": k, "path": p} for k, p in keys.items()]}}
        for kind, name, keys in items
    ]
    folder = "/run/meshmigrate/credentials"
    assert told(template).database == Access(
        connection=Connection(
            host="web-rw",
            port="5433",
            dbname="app",
            files=("user", "password"),
            allowed_hosts=("*.<namespace>.svc",),
        ),
        tls=TLS(
            mode="verify-ca",
            root_certificate=f"{folder}/root.crt",
            client_certificate=f"{folder}/tls.crt",
            client_key=f"{folder}/tls.key",
        ),
    )


@pytest.mark.parametrize(("host_in", "allowed"), [("db", None), ("other", ("*.<namespace>.svc",))])
def test_a_host_needs_permission_unless_it_belongs_to_the_password(
    applied: Story, host_in: str, allowed: tuple[str, ...] | None
) -> None:
    """The operator reads no Secret, so the runner is told whether to check."""
    connection = {name: key("db", name) for name in ("port", "dbname", "user", "password")}
    connection["host"] = key(host_in, "host")
    applied.cluster.edit(lambda body: body["spec"].update(database={"connection": connection}))
    applied.look()
    template = applied.cluster.jobs[applied.job]["spec"]["template"]
    found = told(template).database.connection
    assert found is not None
    assert found.allowed_hosts == allowed


def test_the_pod_has_what_the_resource_chose(applied: Story) -> None:
    """Resources, place, account and pull secrets, as in any pod."""
    job = {
        "resources": {"requests": {"cpu": 1}, "limits": {"memory": "1Gi"}},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "db", "operator": "Exists", "tolerationSeconds": 0}],
        "affinity": {"podAffinity": {}},
        "serviceAccountName": "default",
        "imagePullSecrets": [{"name": "registry"}],
    }
    applied.cluster.edit(lambda body: body["spec"].update(job=job))
    applied.look()
    pod = pod_spec(applied.cluster.jobs[applied.job])
    assert pod["containers"][0]["resources"] == job["resources"]
    for name in job.keys() - {"resources"}:
        assert pod[name] == job[name]
    assert pod["automountServiceAccountToken"] is False


def test_our_labels_and_annotations_win(applied: Story) -> None:
    """The operator finds its Jobs and pods by them, whatever an administrator allows."""
    applied.operator.restart(Allowed(labels=("*",), annotations=("*",)))
    given = {
        names.RESOURCE_UID_LABEL: "x",
        "app.kubernetes.io/name": "x",
        names.RESOURCE_ANNOTATION: "x",
        names.RUN_SPEC_ANNOTATION: "x",
        "team": "web",
    }
    job = {"labels": given, "annotations": given}
    applied.cluster.edit(lambda body: body["spec"].update(job=job))
    applied.look()
    made = applied.cluster.jobs[applied.job]
    for metadata in (made["metadata"], made["spec"]["template"]["metadata"]):
        assert metadata["labels"][names.RESOURCE_UID_LABEL] == UID
        assert metadata["labels"]["app.kubernetes.io/name"] == "meshmigrate"
        assert metadata["labels"]["team"] == metadata["annotations"]["team"] == "web"
        assert metadata["annotations"][names.RESOURCE_ANNOTATION] == "web"
    assert told(made["spec"]["template"]).resource == "app/web"


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
