"""From the chart's previous version to this one, with a run in flight.

The previous version is the chart, its roles and its definition as they were; both run the
operator of the present image, as there is no other at hand. What the previous operator wrote is
in tests/unit/controller/test_previous_version.py.
"""

from collections.abc import Iterator

import pytest

from tests.cluster.kubernetes import SYSTEM_NAMESPACE, Cluster, Json, eventually
from tests.cluster.release import PREVIOUS, install
from tests.cluster.tenant import Tenant
from tests.cluster.test_lifecycle import AT_THE_GATE, BACKS, SOURCE, applied, begin
from tests.cluster.test_rollback import FIRST

NEW_FIELD = "dbm.spec.database.connection"


@pytest.fixture
def removable(operator: Cluster) -> Iterator[Cluster]:
    """Have the present version installed, and again at the end."""
    yield operator
    install(operator)


@pytest.fixture
def previous(operator: Cluster) -> Iterator[Cluster]:
    """Have the previous version installed; the present one is there again afterwards."""
    uninstall(operator)
    definition = operator.get("crd", "databasemigrations.migrations.meshhook.dev")
    assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    install(operator, PREVIOUS)
    yield operator
    install(operator)


def uninstall(cluster: Cluster) -> None:
    """Remove the release, and wait until its pods are gone."""
    cluster.run("helm", "uninstall", "meshmigrate", "--namespace", SYSTEM_NAMESPACE, "--wait")


def known(cluster: Cluster) -> bool:
    """Say whether the API server knows a field that the previous version had not."""
    return cluster.attempt("kubectl", "explain", NEW_FIELD).returncode == 0


def of(tenant: Tenant, name: str) -> Json:
    """Give a resource."""
    return tenant.cluster.get("-n", tenant.name, f"dbm/{name}")


def test_an_upgrade_with_a_run_in_flight_changes_nothing_about_it(
    previous: Cluster, tenant: Tenant
) -> None:
    """Definition, roles and operators are replaced; the run ends, and nothing runs again."""
    tenant.secret()
    tenant.config_map("first", FIRST)
    tenant.apply("early", source={"configMaps": [{"name": "first"}]})
    tenant.wait("Ready", "early")
    before = of(tenant, "early")
    tenant.config_map("web", AT_THE_GATE)
    tenant.config_map("back", BACKS)
    eventually("the previous definition", lambda: not known(previous))
    with tenant.advisory_lock():
        tenant.apply(source=SOURCE)
        eventually("the second file is in its middle", tenant.waiting_for_advisory_lock)
        pod = tenant.running_pod()
        install(previous, reuse=True)
        eventually("the present definition", lambda: known(previous))
        assert tenant.running_pod()["metadata"]["uid"] == pod["metadata"]["uid"]
        assert tenant.status()["phase"] == "Running"
    status = tenant.wait("Ready")
    assert (status["runNumber"], status["lastRun"]["attempts"]) == (1, 1)
    assert applied(tenant) == ["1", "2"]
    assert len(tenant.jobs()) == 2
    after = of(tenant, "early")
    assert after["status"] == before["status"]
    assert after["metadata"]["generation"] == before["metadata"]["generation"]


def test_a_definition_updated_in_place_loses_nothing(tenant: Tenant) -> None:
    """An older one takes fields away from view, the present one gives them back unharmed."""
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    tenant.apply(job={"annotations": {"karpenter.sh/do-not-disrupt": "true"}})
    tenant.wait("Ready")
    before = of(tenant, "web")
    apply = ("apply", "--server-side", "--force-conflicts", "-f")
    tenant.cluster.kubectl(*apply, f"{PREVIOUS}/files/databasemigrations.yaml")
    eventually("the previous definition", lambda: not known(tenant.cluster))
    tenant.cluster.kubectl(*apply, "crds/databasemigrations.yaml")
    eventually("the present definition", lambda: known(tenant.cluster))
    eventually("all as before", lambda: of(tenant, "web") == before)


def test_a_run_outlives_the_operators(removable: Cluster, tenant: Tenant) -> None:
    """Uninstalled in its middle: it ends all the same, and whoever is installed next stores how."""
    with tenant.advisory_lock():
        begin(tenant)
        uninstall(removable)
    eventually("both files are applied", lambda: applied(tenant) == ["1", "2"])
    assert tenant.status()["phase"] == "Running"
    install(removable)
    status = tenant.wait("Ready")
    assert (status["runNumber"], status["lastRun"]["attempts"]) == (1, 1)
    assert len(tenant.jobs()) == 1
