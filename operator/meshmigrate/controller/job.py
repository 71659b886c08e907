"""The Job of an attempt, and how it becomes the resource's own when it has ended."""

from typing import Any, Final

from meshmigrate.controller import names
from meshmigrate.controller.admission import Allowed
from meshmigrate.controller.observed import ObservedResource
from meshmigrate.controller.pod_template import RunnerImage, pod_template
from meshmigrate.controller.run_input import run_spec
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.spec import MigrationSpec, settings_hash

EXPIRY_SECONDS: Final = 3600
"""How long the Job of a stored result stays, for whoever wants to read its log."""


def make_job(
    resource: ObservedResource,
    spec: MigrationSpec,
    run: CurrentRun,
    image: RunnerImage,
    allowed: Allowed,
) -> dict[str, Any]:
    """Give the manifest of an attempt's Job.

    No ownerReference: a foreground deletion of the resource would kill it at work. What the
    resource says about labels and annotations never replaces ours.
    """
    labels = {**spec.job.labels, **_labels(resource, run)}
    annotations = {**spec.job.annotations, names.RESOURCE_ANNOTATION: resource.key.name}
    told = run_spec(resource, spec, run, allowed.hosts)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": run.job_name,
            "namespace": resource.key.namespace,
            "labels": labels,
            "annotations": {**annotations, names.SETTINGS_ANNOTATION: settings_hash(spec)},
        },
        "spec": {
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": spec.policy.job_deadline_seconds,
            "template": pod_template(spec, told, image, labels, annotations),
        },
    }


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
