"""What the operator and the runners may do, and under which restrictions they work."""

import json
import re

from tests.cluster.kubernetes import ROOT, SYSTEM_NAMESPACE, Cluster, Json, eventually
from tests.cluster.tenant import Tenant
from tests.cluster.test_faults import twin_of

OPERATOR = f"system:serviceaccount:{SYSTEM_NAMESPACE}:meshmigrate"
ANY_UID = 1_000_740_000
"""As OpenShift chooses them: of a range of the namespace, with group 0."""

Right = tuple[str, str]


def rights(cluster: Cluster, account: str, namespace: str) -> set[Right]:
    """Ask the API server for all that an account may do there: verb and resource."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    create = ("create", "-f", "-", "-o", "json", "--validate=false", f"--as={account}")
    status = json.loads(cluster.kubectl(*create, stdin=json.dumps(review)))["status"]
    assert not status["incomplete"]
    rules: list[Json] = status["resourceRules"]
    return {
        (verb, resource)
        for rule in rules
        for resource in rule.get("resources", ())
        for verb in rule["verbs"]
    }


def own_rights(cluster: Cluster, account: str, namespace: str) -> set[Right]:
    """Leave out what Kubernetes grants to every ServiceAccount."""
    anybody = f"system:serviceaccount:{namespace}:somebody-without-any-right"
    return rights(cluster, account, namespace) - rights(cluster, anybody, namespace)


def documented() -> set[Right]:
    """Give the table of docs/operator.md."""
    table = ROOT.joinpath("docs", "operator.md").read_text().partition("## What it may do")[2]
    rows = re.findall(r"^\| `([\w/]+)` \| ([\w, ]+) \|", table, re.MULTILINE)
    return {(verb, resource) for resource, verbs in rows for verb in verbs.split(", ")}


def test_the_operator_may_do_what_is_documented_and_nothing_else(tenant: Tenant) -> None:
    """In a namespace with migrations, and in its own, where there is the Lease."""
    leases = {right for right in documented() if right[1] == "leases"}
    assert own_rights(tenant.cluster, OPERATOR, tenant.name) == documented() - leases
    assert own_rights(tenant.cluster, OPERATOR, SYSTEM_NAMESPACE) == documented()


def test_a_runner_may_do_nothing(tenant: Tenant) -> None:
    """Its account has no rights of its own, and no token is mounted anyway."""
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    tenant.apply()
    tenant.wait("Ready")
    (pod,) = tenant.cluster.get("-n", tenant.name, "pods")["items"]
    account = f"system:serviceaccount:{tenant.name}:{pod['spec']['serviceAccountName']}"
    assert own_rights(tenant.cluster, account, tenant.name) == set()
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountToken" not in json.dumps(pod["spec"]["volumes"])


def test_a_runner_works_under_any_uid(tenant: Tenant) -> None:
    """Its pod, as the operator makes it, migrates under a uid that the image does not know."""
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    tenant.apply()
    tenant.wait_for_reason("SecretNotFound")
    (waiting,) = tenant.cluster.get("-n", tenant.name, "pods")["items"]
    tenant.delete()
    for gone in ("dbm", "pods"):
        tenant.wait_until_gone(gone, "--all")
    tenant.secret()
    pod = twin_of(waiting)
    pod["spec"]["securityContext"]["runAsUser"] = ANY_UID
    tenant.cluster.kubectl("-n", tenant.name, "create", "-f", "-", stdin=json.dumps(pod))
    name = f"pod/{pod['metadata']['name']}"
    phase = "-o=jsonpath={.status.phase}"

    def ended() -> str | None:
        shown = tenant.cluster.kubectl("-n", tenant.name, "get", name, phase)
        return shown if shown in {"Succeeded", "Failed"} else None

    assert eventually("the runner has ended", ended) == "Succeeded"
    assert tenant.query("select version from meshmigrate.applied") == ["1"]


def test_nothing_works_with_more_than_the_restricted_standard_allows(tenant: Tenant) -> None:
    """Pod Security enforces it in both namespaces; the API server would have refused the pods."""
    for namespace in (SYSTEM_NAMESPACE, tenant.name):
        labels = tenant.cluster.get("namespace", namespace)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    privileged = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "privileged"},
        "spec": {"containers": [{"name": "a", "image": "a"}]},
    }
    create = ("kubectl", "-n", SYSTEM_NAMESPACE, "create", "-f", "-")
    done = tenant.cluster.attempt(*create, stdin=json.dumps(privileged))
    assert 'violates PodSecurity "restricted' in done.stderr


def test_who_may_only_write_migrations_gains_nothing_else(tenant: Tenant) -> None:
    """They get a migration run; what would give them more is refused before there is a pod."""
    here = ("-n", tenant.name)
    author = f"system:serviceaccount:{tenant.name}:author"
    role = ("role", "author", "--verb=get,create,patch", "--resource=databasemigrations")
    tenant.cluster.kubectl(*here, "create", *role)
    whom = ("--role=author", f"--serviceaccount={tenant.name}:author")
    tenant.cluster.kubectl(*here, "create", "rolebinding", "author", *whom)
    assert {what for _, what in own_rights(tenant.cluster, author, tenant.name)} == {
        "databasemigrations"
    }
    tenant.secret()
    tenant.config_map("web", {"1_a.sql": "create table a (id int);"})
    password = {"secretKeyRef": {"name": "db", "key": "DATABASE_URL"}}
    parts = {"dbname": {"value": "a"}, "user": {"value": "a"}, "password": password}
    elsewhere = {"connection": {"host": {"value": "elsewhere.example.com"}, **parts}}
    asked: dict[str, Json] = {
        "HostNotAllowed": {"database": elsewhere},
        "ServiceAccountNotAllowed": {"job": {"serviceAccountName": "builder"}},
        "LabelNotAllowed": {"job": {"labels": {"app": "shop"}}},
        "AnnotationNotAllowed": {"job": {"annotations": {"sidecar.example.com/inject": "yes"}}},
    }
    create = (*here, f"--as={author}", "create", "-f", "-")
    for reason, spec in asked.items():
        name = reason.lower()
        tenant.cluster.kubectl(*create, stdin=tenant.manifest(name, **spec))
        assert "of the operator's chart has" in tenant.wait_for_reason(reason, name)
    assert tenant.jobs() == []
    tenant.cluster.kubectl(*create, stdin=tenant.manifest())
    assert tenant.wait("Ready")["lastRun"]["outcome"] == "Succeeded"
