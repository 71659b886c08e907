"""Deleting a resource, or all of its namespace, while its runner works on the database."""

import pytest

from tests.cluster.kubernetes import eventually
from tests.cluster.tenant import Tenant
from tests.cluster.test_lifecycle import SOURCE, applied, begin


def stopped_in_order(tenant: Tenant) -> bool:
    """Say whether the runner has written down that it was interrupted."""
    query = "select count(*) from meshmigrate.log where event = 'Interrupted'"
    return tenant.query(query) == ["1"]


def test_foreground_deletion_kills_no_runner(tenant: Tenant) -> None:
    """As Argo CD prunes: the runner ends its work, then nothing is left in the namespace."""
    with tenant.advisory_lock():
        begin(tenant)
        tenant.delete("--cascade=foreground")
        pod = tenant.running_pod()
        assert "deletionTimestamp" not in pod["metadata"]
        assert tenant.status()["phase"] == "Running"
    for gone in (("dbm/web",), ("jobs", "--all")):
        tenant.wait_until_gone(*gone)
    assert applied(tenant) == ["1", "2"]


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_cancel_stops_the_runner_and_takes_nothing_back(tenant: Tenant, cascade: str) -> None:
    """It is stopped in order within its grace period; the same resource, made anew, goes on."""
    with tenant.advisory_lock():
        begin(tenant, deletionPolicy="Cancel")
        tenant.delete(f"--cascade={cascade}")
        tenant.wait_until_gone("dbm/web")
        assert stopped_in_order(tenant)
        assert applied(tenant) == ["1"]
    tenant.apply(source=SOURCE)
    assert tenant.wait("Ready")["currentVersion"] == "2"
    assert applied(tenant) == ["1", "2"]


@pytest.mark.parametrize("policy", ["Wait", "Cancel"])
def test_a_namespace_that_is_deleted_is_gone_with_its_run(tenant: Tenant, policy: str) -> None:
    """The pod is going anyway: no finalizer holds the namespace, and the run is resumable."""
    with tenant.advisory_lock():
        begin(tenant, deletionPolicy=policy)
        tenant.cluster.kubectl("delete", "namespace", tenant.name, "--timeout=60s")
        eventually("the runner's last word", lambda: stopped_in_order(tenant))
    assert applied(tenant) == ["1"]


def test_a_resource_at_rest_is_deleted_without_the_operator(tenant: Tenant) -> None:
    """No finalizer is left after a run, so there is nobody to wait for."""
    begin_and_end(tenant)
    finalizers = tenant.cluster.get("-n", tenant.name, "dbm/web")["metadata"].get("finalizers")
    assert not finalizers
    tenant.delete("--cascade=foreground")
    tenant.wait_until_gone("dbm/web", seconds=10)


def begin_and_end(tenant: Tenant) -> None:
    """Let a run succeed."""
    with tenant.advisory_lock():
        begin(tenant)
    tenant.wait("Ready")
