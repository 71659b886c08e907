"""The chart by helm, and what it grants."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from hack.chart_snapshots import SETS, SNAPSHOTS, VALUES, find_helm, render
from tests.cluster.kubernetes import SYSTEM_NAMESPACE, Cluster, Json
from tests.cluster.release import PRESENT, PREVIOUS
from tests.cluster.tenant import Tenant
from tests.cluster.test_security import ANY_UID, documented, own_rights

TEMPLATE = ("helm", "template", "meshmigrate", "charts/meshmigrate")
ACCOUNT = f"--as=system:serviceaccount:{SYSTEM_NAMESPACE}:meshmigrate"


def can_i(
    cluster: Cluster,
    verb: str,
    what: str,
    account: str = ACCOUNT,
    scope: str = "-A",
    *,
    name: str = "",
) -> str:
    """Ask whether the operator may do something with a kind, its subresource, or one of a name."""
    kind, _, subresource = what.partition("/")
    which = (f"{kind}/{name}" if name else kind, f"--subresource={subresource}")
    return cluster.attempt("kubectl", "auth", "can-i", verb, *which, account, scope).stdout.strip()


@pytest.mark.parametrize("values", SETS)
def test_the_chart_is_sound(cluster: Cluster, values: str) -> None:
    """Helm's own linter finds nothing, whatever is asked for."""
    lint = ("helm", "lint", "--strict", "charts/meshmigrate")
    assert "0 chart(s) failed" in cluster.run(*lint, "--values", str(VALUES / f"{values}.yaml"))


@pytest.mark.parametrize("values", SETS)
def test_the_snapshots_are_what_the_chart_renders(values: str) -> None:
    """`make snapshots` writes them anew where the chart has changed."""
    snapshot = (SNAPSHOTS / f"{values}.yaml").read_text()
    assert render(find_helm(), values) == snapshot


def rendered(cluster: Cluster, chart: Path, *arguments: str) -> list[Json]:
    """Give the objects that a chart renders to."""
    text = cluster.run("helm", "template", "meshmigrate", str(chart), *arguments)
    return [body for body in yaml.safe_load_all(text) if body]


@pytest.fixture
def reusing(tmp_path: Path) -> Path:
    """Give the chart as an upgrade with --reuse-values has it: with the defaults before it."""
    shutil.copytree(PRESENT, tmp_path / "chart")
    shutil.copy(f"{PREVIOUS}/values.yaml", tmp_path / "chart")
    return tmp_path / "chart"


@pytest.mark.parametrize("values", SETS)
def test_an_upgrade_may_reuse_the_values_of_the_previous_chart(
    cluster: Cluster, reusing: Path, values: str
) -> None:
    """What that did not have is as in a new release; what was given stays."""
    given = ("--values", str(VALUES / f"{values}.yaml"), "--set", "replicas=2")
    assert rendered(cluster, reusing, *given) == rendered(cluster, Path(PRESENT), *given)


def test_what_was_taken_out_stays_out(cluster: Cluster) -> None:
    """A limit, a label, a list that was emptied: only what is missing is filled in."""
    emptied = ("allowedHosts=[]", "topologySpreadConstraints=[]", "resources.limits=null")
    labels = ("dashboard.enabled=true", "dashboard.labels.grafana_dashboard=null")
    chosen = [word for value in (*emptied, *labels) for word in ("--set-json", value)]
    bodies = {body["kind"]: body for body in rendered(cluster, Path(PRESENT), *chosen)}
    pod = bodies["Deployment"]["spec"]["template"]["spec"]
    environment = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert environment["MESHMIGRATE_ALLOWED_HOSTS"] == ""
    assert "topologySpreadConstraints" not in pod
    assert "limits" not in pod["containers"][0]["resources"]
    assert "grafana_dashboard" not in bodies["ConfigMap"]["metadata"]["labels"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("leaderElection.leaseDurationSeconds=0", "minimum: got 0, want 1"),
        ("replicaz=1", "additional properties 'replicaz' not allowed"),
        ("logLevel=LOUD", "must be one of 'DEBUG', 'INFO', 'WARNING', 'ERROR'"),
        ("resources.limit.memory=1Gi", "additional properties 'limit' not allowed"),
        ("image.digest=sha256:12", "does not match pattern"),
        ("networkPolicy.databases.ports=null", "missing property 'ports'"),
        ("labels.app\\.kubernetes\\.io/name=x", "invalid propertyName 'app.kubernetes.io/name'"),
        ("tolerations[0].efect=NoSchedule", "additional properties 'efect' not allowed"),
    ],
)
def test_a_wrong_value_is_refused(cluster: Cluster, value: str, said: str) -> None:
    """With a message that says what is right."""
    done = cluster.attempt(*TEMPLATE, "--set", value)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_definition_is_kept_and_can_be_left_out(cluster: Cluster) -> None:
    """Uninstalling the release takes no DatabaseMigration away."""
    assert "helm.sh/resource-policy: keep" in cluster.run(*TEMPLATE)
    without = cluster.run(*TEMPLATE, "--set", "crds.install=false")
    assert "CustomResourceDefinition" not in without


@pytest.mark.parametrize("verb", ["get", "list", "watch", "create", "update", "delete"])
def test_the_operator_may_not_touch_secrets(operator: Cluster, verb: str) -> None:
    """In no namespace, not even its own."""
    assert can_i(operator, verb, "secrets") == "no"
    assert can_i(operator, verb, "secrets", scope=f"-n={SYSTEM_NAMESPACE}") == "no"


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("create", "pods"),
        ("get", "configmaps"),
        ("create", "pods/exec"),
        ("delete", "databasemigrations"),
        ("create", "databasemigrations"),
        ("impersonate", "users"),
        ("list", "namespaces"),
    ],
)
def test_the_operator_may_not_do_what_it_does_not_need(
    operator: Cluster, verb: str, what: str
) -> None:
    """Least privilege."""
    assert can_i(operator, verb, what) == "no"


def test_the_operator_may_do_what_it_needs(operator: Cluster) -> None:
    """Jobs are what it makes, and the log of a runner says how far it is."""
    assert can_i(operator, "create", "jobs") == "yes"
    assert can_i(operator, "get", "pods/log") == "yes"
    assert can_i(operator, "update", "databasemigrations/status") == "yes"
    assert can_i(operator, "update", "databasemigrations/finalizers") == "yes"


def test_the_operator_may_change_no_lease_but_its_own(operator: Cluster) -> None:
    """A Lease may be created, which RBAC cannot tie to a name; only its own is read and written."""
    here = f"-n={SYSTEM_NAMESPACE}"
    assert can_i(operator, "create", "leases", scope=here) == "yes"
    assert can_i(operator, "update", "leases", scope=here, name="meshmigrate") == "yes"
    assert can_i(operator, "update", "leases", scope=here) == "no"
    assert can_i(operator, "create", "leases") == "no"


def test_a_namespaced_operator_needs_nothing_cluster_wide(tenant: Tenant) -> None:
    """It becomes ready with a Role only, under any uid; beside the first one it does no harm."""
    cluster = tenant.cluster
    cluster.run(
        *("helm", "install", "narrow", "charts/meshmigrate", "--namespace", tenant.name),
        *("--set", f"watchNamespaces={{{tenant.name}}}", "--set", "crds.install=false"),
        *("--wait", "--timeout", "1m"),
    )
    account = f"system:serviceaccount:{tenant.name}:narrow-meshmigrate"
    assert own_rights(cluster, account, tenant.name) == documented()
    assert own_rights(cluster, account, "default") == set()
    here = ("-n", tenant.name, "deployment/narrow-meshmigrate")
    uid = {"spec": {"template": {"spec": {"securityContext": {"runAsUser": ANY_UID}}}}}
    cluster.kubectl("patch", *here, "-p", json.dumps(uid))
    cluster.kubectl("rollout", "status", *here, "--timeout=1m")
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    tenant.apply()
    status = tenant.wait("Ready")
    assert status["lastRun"]["attempts"] == 1
    assert len(tenant.jobs()) == 1
    cluster.run("helm", "uninstall", "narrow", "--namespace", tenant.name)
