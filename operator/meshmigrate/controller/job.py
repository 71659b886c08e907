"""The Job of an attempt: restricted, without a token, with the run spec written on its pod."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from meshmigrate.controller import names
from meshmigrate.controller.observed import ObservedResource
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.controller.status import CurrentRun
from meshmigrate.domain.runspec import (
    Folders,
    Provenance,
    RunIdentity,
    RunSpec,
    encode_spec,
)

TERMINATION_GRACE_SECONDS: Final = 60
EXPIRY_SECONDS: Final = 3600
"""How long the Job of a stored result stays, for whoever wants to read its log."""

_INPUT: Final = "/run/meshmigrate"
_SOURCE: Final = "/source"
_WORLD_READABLE: Final = 0o444
"""Readable for an arbitrary uid; the pod has one container, so nobody else is there to read."""

_RESOURCES: Final[Mapping[str, Any]] = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "512Mi"},
}


@dataclass(frozen=True, slots=True)
class RunnerImage:
    """Which image runs the migrations."""

    reference: str
    pull_policy: str = "IfNotPresent"


def make_job(
    resource: ObservedResource, spec: MigrationSpec, run: CurrentRun, image: RunnerImage
) -> dict[str, Any]:
    """Give the manifest of an attempt's Job.

    No ownerReference: a foreground deletion of the resource would kill it at work. No uid either:
    the image names an unprivileged one, and clusters that assign uids may do so.
    """
    metadata = {
        "name": run.job_name,
        "namespace": resource.key.namespace,
        "labels": _labels(resource, run),
        "annotations": {names.RESOURCE_ANNOTATION: resource.key.name},
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": spec.policy.job_deadline_seconds,
            "template": _pod_template(resource, spec, run, image),
        },
    }


def run_spec(resource: ObservedResource, spec: MigrationSpec, run: CurrentRun) -> RunSpec:
    """Give what the runner is told."""
    folders: dict[str, list[str]] = {"migrations": [], "rollbacks": [], "checks": []}
    for source in spec.source.config_maps:
        folders[source.content].append(f"{_SOURCE}/{source.content}/{source.name}")
    provenance = spec.provenance
    return RunSpec(
        api_version=1,
        run=RunIdentity(id=UUID(run.id), number=run.number, attempt=run.attempt, intent=run.intent),
        folders=Folders(
            migrations=tuple(folders["migrations"]),
            rollbacks=tuple(folders["rollbacks"]),
            checks=tuple(folders["checks"]),
        ),
        target=str(spec.target),
        allow_rollback=spec.allow_rollback,
        database=spec.database.access,
        ledger=spec.ledger.of_the_run,
        approved_plan=spec.approved_plan,
        policy=spec.policy.of_the_run,
        provenance=Provenance(
            commit=provenance.commit,
            ref=provenance.ref,
            actor=provenance.actor,
            run_url=provenance.run_url,
        ),
        resource=str(resource.key),
        supersedes=UUID(run.supersedes) if run.supersedes else None,
    )


def ownership_patch(resource: ObservedResource) -> dict[str, Any]:
    """Give the one merge patch that makes an ended Job the resource's own and lets it expire."""
    owner = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "name": resource.key.name,
        "uid": resource.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "metadata": {"ownerReferences": [owner]},
        "spec": {"ttlSecondsAfterFinished": EXPIRY_SECONDS},
    }


def _labels(resource: ObservedResource, run: CurrentRun) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "meshmigrate",
        "app.kubernetes.io/component": "runner",
        "app.kubernetes.io/managed-by": "meshmigrate",
        names.RESOURCE_UID_LABEL: resource.uid,
        names.RUN_LABEL: str(run.number),
        names.ATTEMPT_LABEL: str(run.attempt),
    }


def _pod_template(
    resource: ObservedResource, spec: MigrationSpec, run: CurrentRun, image: RunnerImage
) -> dict[str, Any]:
    described = encode_spec(run_spec(resource, spec, run)).decode()
    annotations = {
        names.RESOURCE_ANNOTATION: resource.key.name,
        names.RUN_SPEC_ANNOTATION: described,
    }
    return {
        "metadata": {"labels": _labels(resource, run), "annotations": annotations},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            # As process 1 the runner would not hear a SIGTERM that comes while Python starts
            # (pid_namespaces(7)), and would be waited for until it is killed.
            "shareProcessNamespace": True,
            "terminationGracePeriodSeconds": TERMINATION_GRACE_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(spec, image)],
            "volumes": _volumes(spec),
        },
    }


def _container(spec: MigrationSpec, image: RunnerImage) -> dict[str, Any]:
    sources = [
        {
            "name": f"source-{index}",
            "mountPath": f"{_SOURCE}/{source.content}/{source.name}",
            "readOnly": True,
        }
        for index, source in enumerate(spec.source.config_maps)
    ]
    return {
        "name": names.RUNNER_CONTAINER,
        "image": image.reference,
        "imagePullPolicy": image.pull_policy,
        "command": ["meshmigrate", "runner"],
        "args": [
            "--spec",
            f"{_INPUT}/run/spec.json",
            "--database-url-file",
            f"{_INPUT}/credentials/url",
            "--result",
            "/dev/termination-log",
        ],
        "env": [
            {"name": "PYTHONUNBUFFERED", "value": "1"},
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108  the pod's own emptyDir
        ],
        "resources": dict(_RESOURCES),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "run", "mountPath": f"{_INPUT}/run", "readOnly": True},
            {"name": "credentials", "mountPath": f"{_INPUT}/credentials", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  the pod's own emptyDir
            *sources,
        ],
    }


def _volumes(spec: MigrationSpec) -> list[dict[str, Any]]:
    secret = spec.database.url.secret_key_ref
    annotation = f"metadata.annotations['{names.RUN_SPEC_ANNOTATION}']"
    return [
        {
            "name": "run",
            "downwardAPI": {
                "items": [{"path": "spec.json", "fieldRef": {"fieldPath": annotation}}]
            },
        },
        {
            "name": "credentials",
            "secret": {
                "secretName": secret.name,
                "items": [{"key": secret.key, "path": "url"}],
                "defaultMode": _WORLD_READABLE,
            },
        },
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        *(
            {
                "name": f"source-{index}",
                "configMap": {"name": source.name, "defaultMode": _WORLD_READABLE},
            }
            for index, source in enumerate(spec.source.config_maps)
        ),
    ]
