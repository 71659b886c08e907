"""Names that the cluster sees: the API group, labels, annotations, Jobs and runs."""

import hashlib
from typing import Final
from uuid import UUID, uuid5

GROUP: Final = "migrations.meshhook.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
PLURAL: Final = "databasemigrations"
KIND: Final = "DatabaseMigration"

FINALIZER: Final = f"{GROUP}/run-in-flight"
RESOURCE_UID_LABEL: Final = f"{GROUP}/resource-uid"
RUN_LABEL: Final = f"{GROUP}/run"
ATTEMPT_LABEL: Final = f"{GROUP}/attempt"
RESOURCE_ANNOTATION: Final = f"{GROUP}/resource"
"""On Jobs and pods: the resource's name, which may be longer than a label's 63 characters."""
RUN_SPEC_ANNOTATION: Final = f"{GROUP}/run-spec"
SETTINGS_ANNOTATION: Final = f"{GROUP}/job-settings"
"""On Jobs: the digest of the ``spec.job`` that they were made by."""
RENDERED_FOR_LABEL: Final = f"{GROUP}/rendered-for"
"""On what ``meshmigrate render`` makes: the resource's name, to prune what it names no more."""
RUN_REQUEST_ANNOTATION: Final = f"{GROUP}/run-requested-at"
COUNTED_ATTEMPT_ANNOTATION: Final = f"{GROUP}/counted-attempt"
"""On events: the last attempt that is in their count."""
CANCEL_ANNOTATION: Final = f"{GROUP}/cancel-run"
"""On a resource: the id of the run that shall be taken back."""
TRACEPARENT_ANNOTATION: Final = f"{GROUP}/traceparent"
"""On a resource: the span that those of its next run are below (W3C Trace Context)."""

RUNNER_CONTAINER: Final = "runner"

_MAX_LABEL_LENGTH: Final = 63
"""A Job's name becomes a label value of its pod (RFC 1123 DNS label)."""


def job_name(resource_name: str, resource_uid: str, run_number: int, attempt: int) -> str:
    """Give the name of an attempt's Job: the same for the same attempt, a DNS label.

    The uid's digest keeps apart a resource and its namesake created after it.
    """
    digest = hashlib.sha256(resource_uid.encode()).hexdigest()[:8]
    suffix = f"-{digest}-{run_number}-{attempt}"
    prefix = resource_name.replace(".", "-")[: _MAX_LABEL_LENGTH - len(suffix)]
    return prefix + suffix


def run_id(resource_uid: str, run_number: int, spec_hash: str, run_request: str) -> UUID:
    """Give the id of a run, the same for every attempt of it.

    Spec and request are in it because the number alone may come back: after a restore of the
    cluster's state the database would give the stored end of a run that wanted something else.
    """
    return uuid5(UUID(resource_uid), "/".join((str(run_number), spec_hash, run_request)))
