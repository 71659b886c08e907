"""What a resource may not ask for is refused before there is a pod, with the chart's value."""

from dataclasses import replace
from typing import Any

import pytest

from meshmigrate.controller.admission import Allowed, find_denial
from meshmigrate.controller.spec import parse_spec
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ALLOWED, ends_with
from tests.unit.controller.scripted_cluster import SPEC, make_result

SECRET = {"secretKeyRef": {"name": "db", "key": "password"}}


def database(host: dict[str, Any]) -> dict[str, Any]:
    """Give a connection by parts with this host."""
    plain = {"dbname": {"value": "app"}, "user": {"value": "app"}}
    return {"connection": {"host": host, **plain, "password": SECRET}}


def denied(allowed: Allowed = ALLOWED, **changes: Any) -> tuple[str, str] | None:
    """Give why a spec with these changes may not have a pod."""
    denial = find_denial(parse_spec({**SPEC, **changes}), "app", allowed)
    return denial and (str(denial.reason), denial.message)


@pytest.mark.parametrize(
    ("changes", "reason", "said"),
    [
        ({"database": database({"value": "evil.example.com"})}, "HostNotAllowed", "allowedHosts"),
        ({"database": database({"value": "db.other.svc"})}, "HostNotAllowed", '"db.other.svc"'),
        (
            {"job": {"serviceAccountName": "admin"}},
            "ServiceAccountNotAllowed",
            'the ServiceAccount "admin"',
        ),
        ({"job": {"labels": {"app": "web"}}}, "LabelNotAllowed", "allowedLabels"),
        (
            {"job": {"annotations": {"vault.hashicorp.com/agent-inject": "true"}}},
            "AnnotationNotAllowed",
            "allowedAnnotations",
        ),
    ],
)
def test_what_is_not_allowed_is_named_with_the_charts_value(
    changes: dict[str, Any], reason: str, said: str
) -> None:
    """A person knows what to change, here or at the administrator's."""
    found = denied(**changes)
    assert found is not None
    assert found[0] == reason
    assert said in found[1]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"database": database({"value": "web-rw"})},
        {"database": database({"value": "web-rw.app.svc.cluster.local"})},
        {"database": database({"secretKeyRef": {"name": "db", "key": "host"}})},
        {"database": database({"secretKeyRef": {"name": "other", "key": "host"}})},
        {"job": {"serviceAccountName": "default"}},
        {"job": {"nodeSelector": {"disk": "ssd"}}},
    ],
)
def test_what_is_allowed_is_not_mentioned(changes: dict[str, Any]) -> None:
    """Services of the namespace, the usual account, hosts from Secrets: the runner has those."""
    assert denied(**changes) is None


def test_patterns_allow_more() -> None:
    """A star stands for anything."""
    allowed = Allowed(
        hosts=("*.example.com",),
        service_accounts=("migrate-*",),
        labels=("cost.example.com/*",),
        annotations=("*",),
    )
    job = {
        "serviceAccountName": "migrate-web",
        "labels": {"cost.example.com/team": "web"},
        "annotations": {"any.example.com/thing": "1"},
    }
    host = database({"value": "db.example.com"})
    assert denied(allowed, database=host, job=job) is None
    assert denied(database=host) is not None
    assert denied(job=job) is not None


@pytest.mark.parametrize(
    "asked",
    [
        {"url": {"secretKeyRef": {"name": "web-superuser", "key": "uri"}}},
        database({"secretKeyRef": {"name": "web-superuser", "key": "host"}}),
        {
            **SPEC["database"],
            "tls": {"clientCertificate": {"secretRef": {"name": "web-superuser"}}},
        },
        {
            **SPEC["database"],
            "tls": {"rootCertificate": {"secretKeyRef": {"name": "web-superuser", "key": "ca"}}},
        },
    ],
)
def test_a_secret_that_is_not_for_migrations_is_not_used(asked: dict[str, Any]) -> None:
    """Wherever it is named; who may not read it gets nothing by it."""
    allowed = replace(ALLOWED, secrets=("*-app", "db"))
    found = denied(allowed, database=asked)
    assert found is not None
    assert found[0] == "SecretNotAllowed"
    assert "allowedSecrets of the operator's chart has *-app, db" in found[1]
    assert denied(database=asked) is None
    own = {"url": {"secretKeyRef": {"name": "web-app", "key": "uri"}}}
    assert denied(allowed, database=own) is None


def deny(story: Story) -> None:
    """Let the resource ask for a host that is not allowed."""
    body = {"database": database({"value": "db.example.com"})}
    story.cluster.edit(lambda resource: resource["spec"].update(body))


def test_a_resource_that_asks_for_too_much_gets_no_job(applied: Story) -> None:
    """Refused for good, without a run; told once, written once."""
    deny(applied)
    applied.look()
    assert (applied.status["phase"], applied.ready()["reason"]) == ("Refused", "HostNotAllowed")
    assert applied.conditions()["Stalled"] == "True"
    assert applied.status["observedGeneration"] == 2
    assert applied.cluster.jobs == {}
    assert "runNumber" not in applied.status
    assert [event["reason"] for event in applied.cluster.told.values()] == ["HostNotAllowed"]
    calls = list(applied.cluster.calls)
    applied.look()
    assert applied.cluster.calls == calls


def test_the_run_starts_as_soon_as_it_is_allowed(applied: Story) -> None:
    """The administrator changes the chart; nobody edits the resource."""
    deny(applied)
    applied.look()
    applied.operator.restart(replace(ALLOWED, hosts=("db.example.com",)))
    applied.look()
    applied.finish()
    assert applied.status["phase"] == "Succeeded"
    assert applied.status["runNumber"] == 1


def test_a_denied_edit_that_is_taken_back_shows_the_last_run_again(started: Story) -> None:
    """The database has had what is asked for all the time."""
    started.finish()
    before = started.cluster.body()["spec"]["database"]
    deny(started)
    started.look()
    assert started.ready()["reason"] == "HostNotAllowed"
    assert started.status["lastRun"]["outcome"] == "Succeeded"
    started.cluster.edit(lambda resource: resource["spec"].update(database=before))
    started.look()
    assert (started.status["phase"], started.status["runNumber"]) == ("Succeeded", 1)
    assert started.conditions()["Ready"] == "True"


def test_an_undo_waits_for_permission_and_is_not_replaced(started: Story) -> None:
    """What was asked to be taken back is taken back before anything else."""
    started.run()
    started.cancel()
    job = {"serviceAccountName": "admin"}
    started.cluster.edit(lambda resource: resource["spec"].update(job=job))
    stopped = make_result(
        str(started.cluster.told_to(started.job).run.id), Outcome.INTERRUPTED, "Terminated"
    )
    started.cluster.end_going_pod(started.job, message=stopped)
    started.look()
    assert len(started.cluster.created_jobs) == 1
    assert started.ready()["reason"] == "ServiceAccountNotAllowed"
    assert started.status["currentRun"]["intent"] == "undo"
    started.cluster.edit(lambda resource: resource["spec"].update(job={}))
    started.look()
    assert len(started.cluster.created_jobs) == 2


def test_a_run_in_flight_makes_no_pod_that_is_not_allowed(started: Story) -> None:
    """Settings of the Job that are edited between two attempts are checked before the next."""
    ends_with(Outcome.UNREACHABLE)(started.cluster, started.job)
    started.look()
    started.cluster.end_job(started.job)
    started.cluster.edit(lambda body: body["spec"].update(job={"serviceAccountName": "admin"}))
    started.look()
    assert started.ready()["reason"] == "ServiceAccountNotAllowed"
    assert started.status["history"][0]["outcome"] == "Superseded"
    assert len(started.cluster.created_jobs) == 1


def test_a_runner_that_works_is_not_disturbed(started: Story) -> None:
    """What is denied is another pod, not the one that runs."""
    started.cluster.start_pod(started.job)
    started.look()
    started.cluster.edit(lambda body: body["spec"].update(job={"serviceAccountName": "admin"}))
    started.look()
    assert started.status["phase"] == "Running"
    started.finish()
    assert started.status["phase"] == "Succeeded"


def test_a_host_that_the_runner_refuses_starts_no_run_again(started: Story) -> None:
    """The same word from the runner is the end of a run like any other."""
    job = started.job
    ends_with(Outcome.REFUSED, "HostNotAllowed")(started.cluster, job)
    started.look()
    started.cluster.end_job(job)
    started.look()
    assert started.ready()["reason"] == "HostNotAllowed"
    assert started.status["runNumber"] == 1
    assert len(started.cluster.created_jobs) == 1
