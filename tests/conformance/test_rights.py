"""A right of the chart that only a real API server asks for."""

from dataclasses import replace

import pytest

from hack.chart_snapshots import read_snapshot
from meshmigrate.controller.job import ownership_patch
from meshmigrate.controller.observed import observe_resource
from tests.conformance.client import Client
from tests.conformance.objects import collection, job, resource
from tests.scripted.kinds import JOBS, RESOURCES, Json

RBAC = "rbac.authorization.k8s.io/v1"
USER = "meshmigrate"
FINALIZERS = "databasemigrations/finalizers"


def rules() -> list[Json]:
    """Give the rules that the chart grants."""
    (role,) = (body for body in read_snapshot("all-namespaces") if body["kind"] == "ClusterRole")
    found: list[Json] = role["rules"]
    return found


def grant(api: Client, granted: list[Json]) -> Client:
    """Let a user have rights, and give the client that acts for them."""
    path = f"/apis/{RBAC}/namespaces/{api.namespace}"
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": USER}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}
    head: Json = {"apiVersion": RBAC, "metadata": {"name": USER}}
    api.send("POST", f"{path}/roles", {**head, "kind": "Role", "rules": granted})
    binding = {**head, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]}
    status, said = api.send("POST", f"{path}/rolebindings", binding)
    assert status == 201, said
    return replace(api, user=USER)


@pytest.mark.parametrize("api", ["real"], indirect=True)
@pytest.mark.parametrize("finalizers", [True, False])
def test_a_job_gets_an_owner_by_whom_may_block_its_deletion(api: Client, finalizers: bool) -> None:
    """Where the API server checks blockOwnerDeletion, as OpenShift's does: fault without it."""
    granted = [rule for rule in rules() if finalizers or rule["resources"] != [FINALIZERS]]
    assert len(granted) == len(rules()) - (not finalizers)
    operator = grant(api, granted)
    _, owner = api.send("POST", collection(api, RESOURCES), resource())
    status, said = operator.send("POST", collection(api, JOBS), job())
    assert status == 201, said
    patch = ownership_patch(observe_resource(owner))
    status, said = operator.send("PATCH", f"{collection(api, JOBS)}/run", patch)
    assert status == (200 if finalizers else 403), said
