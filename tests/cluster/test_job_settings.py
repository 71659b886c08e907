"""What `spec.job` gives to the pod, and what it may not."""

import pytest

from tests.cluster.kubernetes import Cluster
from tests.cluster.tenant import Tenant, ready

FILES = {"1_a.sql": "create table a (id int);"}


def test_the_pod_has_what_the_resource_chose(tenant: Tenant) -> None:
    """Resources, place, account, labels; it still passes restricted Pod Security."""
    tenant.secret()
    tenant.config_map("web", FILES)
    job = {
        "resources": {"requests": {"cpu": "10m"}, "limits": {"memory": "256Mi", "cpu": 1}},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "db", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [
                    {
                        "weight": 1,
                        "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"},
                    }
                ]
            }
        },
        "serviceAccountName": "default",
        "labels": {"cost.example.com/team": "web"},
        "annotations": {"karpenter.sh/do-not-disrupt": "true"},
    }
    tenant.apply(job=job)
    tenant.wait("Ready")
    pod = tenant.cluster.get("-n", tenant.name, "pods")["items"][0]
    assert pod["metadata"]["labels"]["cost.example.com/team"] == "web"
    assert pod["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] == "true"
    assert pod["spec"]["containers"][0]["resources"] == {
        "requests": {"cpu": "10m", "memory": "256Mi"},
        "limits": {"memory": "256Mi", "cpu": "1"},
    }
    assert any(each.get("key") == "db" for each in pod["spec"]["tolerations"])
    tenant.apply(job=job | {"resources": {"limits": {"memory": "300Mi"}}})
    settled = tenant.cluster.get("-n", tenant.name, "dbmigration/web")["metadata"]["generation"]
    tenant.cluster.kubectl(
        *("-n", tenant.name, "wait", "dbmigration/web", "--timeout=30s"),
        f"--for=jsonpath={{.status.observedGeneration}}={settled}",
    )
    assert tenant.status()["runNumber"] == 1, "spec.job starts no run"


def test_what_is_not_allowed_is_refused_before_there_is_a_pod(tenant: Tenant) -> None:
    """With the value of the chart that would allow it; without it the run starts."""
    tenant.secret()
    tenant.config_map("web", FILES)
    tenant.apply(job={"serviceAccountName": "builder"})
    status = tenant.wait("Stalled")
    assert (status["phase"], ready(status)["reason"]) == ("Refused", "ServiceAccountNotAllowed")
    assert "allowedServiceAccounts" in ready(status)["message"]
    assert tenant.jobs() == []
    assert "ServiceAccountNotAllowed" in tenant.events()
    tenant.apply(job={"labels": {"app": "web"}})
    assert "allowedLabels" in tenant.wait_for_reason("LabelNotAllowed")
    tenant.apply(job={})
    assert tenant.wait("Ready")["runNumber"] == 1


def test_a_missing_service_account_is_named_and_can_be_corrected(tenant: Tenant) -> None:
    """Only the Job's event tells; a pod that has not started is replaced at once."""
    tenant.secret()
    tenant.config_map("web", FILES)
    tenant.apply(job={"serviceAccountName": "migrations"})
    message = tenant.wait_for_reason("ServiceAccountNotFound")
    assert 'ServiceAccount "migrations" does not exist' in message
    tenant.apply(job={"serviceAccountName": "default"})
    status = tenant.wait("Ready", seconds=30)
    assert status["runNumber"] == 1


def test_a_service_account_that_comes_later_is_enough(tenant: Tenant) -> None:
    """Nobody edits anything: the Job that waits for it gets its pod, in the same attempt."""
    tenant.secret()
    tenant.config_map("web", FILES)
    tenant.apply(job={"serviceAccountName": "migrations"})
    tenant.wait_for_reason("ServiceAccountNotFound")
    tenant.cluster.kubectl("-n", tenant.name, "create", "serviceaccount", "migrations")
    # The Job controller tries again at growing intervals, of a minute at most.
    status = tenant.wait("Ready", seconds=90)
    assert (status["runNumber"], status["lastRun"]["attempts"]) == (1, 1)


def test_a_misspelt_affinity_is_refused_by_name(tenant: Tenant) -> None:
    """The schema leaves it to the API server, which drops nothing in silence."""
    tenant.secret()
    tenant.config_map("web", FILES)
    tenant.apply(job={"affinity": {"nodeAfinity": {}}})
    assert "nodeAfinity" in tenant.wait_for_reason("PodNotCreated")


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"labels": {"app.kubernetes.io/name": "x"}}, "the operator's and the Job's own"),
        ({"annotations": {"migrations.meshhook.dev/x": "x"}}, "the operator's and the Job's own"),
        ({"resources": {"limits": {"memory": "much"}}}, "must be a quantity, such as 500m"),
        ({"tolerations": [{"key": "a", "effect": "Never"}]}, 'Unsupported value: "Never"'),
        ({"tolerations": [{"key": "a", "tolerationSeconds": 1}]}, "needs effect: NoExecute"),
        ({"tolerations": [{"value": "a"}]}, "operator: Equal needs a key"),
        ({"privileged": True}, 'unknown field "spec.job.privileged"'),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_by_kubectl(
    operator: Cluster, job: dict[str, object], said: str
) -> None:
    """With what is right."""
    assert said in Tenant(operator, "default").refused(job=job)
