"""The pod of an attempt: restricted, without a token, with the run spec written on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import to_builtins

from meshmigrate.controller import names
from meshmigrate.controller.job_spec import JobSettings
from meshmigrate.controller.mounts import CREDENTIALS, SPEC_FILE, volume_mounts, volumes
from meshmigrate.controller.spec import MigrationSpec
from meshmigrate.domain.runspec import RunSpec, encode_spec

TERMINATION_GRACE_SECONDS: Final = 60

_RESOURCES: Final[Mapping[str, Any]] = {
    "requests": {"cpu": "50m", "memory": "64Mi"},
    "limits": {"memory": "512Mi"},
}


@dataclass(frozen=True, slots=True)
class RunnerImage:
    """Which image runs the migrations, and with which variables beside its own."""

    reference: str
    pull_policy: str = "IfNotPresent"
    environment: Mapping[str, str] = field(default_factory=dict)


def pod_template(
    spec: MigrationSpec,
    told: RunSpec,
    image: RunnerImage,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> dict[str, Any]:
    """Give the template of the Job's pod. No uid: the image names one, a cluster may assign one."""
    described = {names.RUN_SPEC_ANNOTATION: encode_spec(told).decode()}
    return {
        "metadata": {"labels": dict(labels), "annotations": {**annotations, **described}},
        "spec": {
            **_choices(spec.job),
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
            "volumes": volumes(spec),
        },
    }


def _choices(job: JobSettings) -> dict[str, Any]:
    """Give what of the pod's spec the resource may say; left out where it says nothing."""
    chosen = {
        "nodeSelector": job.node_selector,
        "tolerations": [to_builtins(each) for each in job.tolerations],
        "affinity": job.affinity,
        "serviceAccountName": job.service_account_name,
        "imagePullSecrets": [to_builtins(each) for each in job.image_pull_secrets],
    }
    return {name: value for name, value in chosen.items() if value}


def _container(spec: MigrationSpec, image: RunnerImage) -> dict[str, Any]:
    given = spec.job.resources
    return {
        "name": names.RUNNER_CONTAINER,
        "image": image.reference,
        "imagePullPolicy": image.pull_policy,
        "command": ["meshmigrate", "runner"],
        "args": [
            *("--spec", SPEC_FILE),
            *("--credentials", CREDENTIALS),
            *("--result", "/dev/termination-log"),
        ],
        "env": [
            {"name": "PYTHONUNBUFFERED", "value": "1"},
            {"name": "PYTHONDONTWRITEBYTECODE", "value": "1"},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108  the pod's own emptyDir
            *({"name": name, "value": value} for name, value in image.environment.items()),
        ],
        "resources": dict(_RESOURCES) if given is None else to_builtins(given),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": volume_mounts(spec),
    }
