"""Jobs as the operator makes them, for the examples and for a resource with every setting."""

from typing import Any

import yaml

from hack.cluster.paths import CHECKOUT
from meshmigrate.controller.job import make_job
from meshmigrate.controller.observed import observe_resource
from meshmigrate.controller.pod_template import RunnerImage
from meshmigrate.controller.run_status import CurrentRun
from meshmigrate.controller.spec import parse_spec
from tests.unit.controller.driving import ALLOWED
from tests.unit.controller.scripted_cluster import SPEC, resource_body

Json = dict[str, Any]

_RUN = CurrentRun(
    id="c7a8b1e2-0000-5000-8000-000000000001",
    number=1,
    attempt=1,
    intent="apply",
    job_name="web-1-1",
    spec_hash="sha256:0",
    started_at="2026-01-02T03:04:05Z",
)
_JOB_SETTINGS: Json = {
    "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "256Mi"}},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "db", "operator": "Exists", "effect": "NoSchedule"}],
    "affinity": {"podAntiAffinity": {}},
    "serviceAccountName": "default",
    "imagePullSecrets": [{"name": "registry"}],
}


def job_of(spec: Json) -> Json:
    """Give the Job of the first attempt at a spec."""
    resource = observe_resource(resource_body(spec=spec))
    return make_job(resource, parse_spec(spec), _RUN, RunnerImage("runner:1"), ALLOWED)


def runner_jobs() -> list[Json]:
    """Give the Jobs of all the examples, and one with every setting of `spec.job`."""
    examples = sorted(CHECKOUT.glob("examples/manifests/*.yaml"))
    specs = [yaml.safe_load(path.read_text())["spec"] for path in examples]
    return [job_of(spec) for spec in (*specs, {**SPEC, "job": _JOB_SETTINGS})]
