"""The cluster port in terms of requests: every write is one that only its object can take."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from meshmigrate.controller.api_requests import Answer, ApiRequests
from meshmigrate.controller.kubernetes_port import KubernetesPort
from meshmigrate.controller.observed import observe_job, observe_pod, observe_resource
from meshmigrate.controller.port import ClusterError
from meshmigrate.controller.status import Status
from meshmigrate.controller.token_bucket import TokenBucket
from tests.unit.controller.conftest import Story
from tests.unit.controller.scripted_cluster import KEY, UID, resource_body


class Recorder:
    """A transport that answers everything with one body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.answer = Answer(status, json.dumps(body).encode())
        self.sent: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = []

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]],
        body: Mapping[str, Any] | None,
        content_type: str,
    ) -> Answer:
        """Record."""
        del content_type
        self.sent.append((method, path, dict(body or {}), list(query)))
        return self.answer


def port(
    body: dict[str, Any], status: int = 200, namespaces: tuple[str, ...] = ()
) -> tuple[KubernetesPort, Recorder]:
    """Give a port that gets this answer."""
    recorder = Recorder(status, body)
    requests = ApiRequests(recorder, TokenBucket(1000, 1000), count=lambda _verb, _code: None)
    return KubernetesPort(requests, namespaces), recorder


RESOURCE = observe_resource(resource_body())
RESOURCE_PATH = "/apis/migrations.meshhook.dev/v1alpha1/namespaces/app/databasemigrations/web"


def test_a_status_is_written_by_compare_and_swap() -> None:
    """The resource version and the uid go with it."""
    cluster, recorder = port(resource_body())
    asyncio.run(cluster.write_status(RESOURCE, Status(run_number=1)))
    method, path, body, _ = recorder.sent[0]
    assert (method, path) == ("PUT", f"{RESOURCE_PATH}/status")
    assert body["metadata"]["resourceVersion"] == "1"
    assert body["metadata"]["uid"] == UID
    assert body["status"] == {"phase": "Pending", "runNumber": 1}


def test_finalizers_are_written_by_compare_and_swap() -> None:
    """A list is replaced as a whole, so it must not have changed."""
    cluster, recorder = port(resource_body())
    asyncio.run(cluster.set_finalizers(RESOURCE, ("a",)))
    method, path, body, _ = recorder.sent[0]
    assert (method, path) == ("PATCH", RESOURCE_PATH)
    assert body["metadata"]["finalizers"] == ["a"]
    assert body["metadata"]["resourceVersion"] == "1"


def test_a_missing_resource_is_none() -> None:
    """404 is an answer, not an error."""
    cluster, _ = port({"reason": "NotFound"}, 404)
    assert asyncio.run(cluster.get_resource(KEY)) is None
    assert asyncio.run(cluster.get_job("app", "j")) is None


def test_a_job_is_deleted_by_its_uid(started: Story) -> None:
    """A namesake that was created meanwhile is spared; pods go in the background."""
    job = observe_job(started.cluster.jobs[started.job])
    cluster, recorder = port({}, 200)
    asyncio.run(cluster.delete_job(job))
    body = recorder.sent[0][2]
    assert body == {"propagationPolicy": "Background", "preconditions": {"uid": job.uid}}


def test_deleting_a_job_that_is_gone_is_fine(started: Story) -> None:
    """404 is what was wanted."""
    job = observe_job(started.cluster.jobs[started.job])
    cluster, _ = port({"reason": "NotFound"}, 404)
    asyncio.run(cluster.delete_job(job))


def test_resources_are_counted_without_reading_them() -> None:
    """One item is asked for, the rest is a number; per namespace where that is all we may."""
    body = {"items": [{}], "metadata": {"remainingItemCount": 6}}
    cluster, _ = port(body)
    assert asyncio.run(cluster.count_resources()) == 7
    cluster, recorder = port(body, namespaces=("a", "b"))
    assert asyncio.run(cluster.count_resources()) == 14
    assert [sent[3] for sent in recorder.sent] == [[("limit", "1")]] * 2


def test_jobs_and_pods_are_listed_by_the_uid_label() -> None:
    """Nothing of other resources is read."""
    cluster, recorder = port({"items": []})
    assert asyncio.run(cluster.list_jobs(RESOURCE)) == ()
    assert asyncio.run(cluster.list_pods(RESOURCE)) == ()
    selector = ("labelSelector", f"migrations.meshhook.dev/resource-uid={UID}")
    assert [sent[3] for sent in recorder.sent] == [[selector]] * 2


def test_one_look_at_a_log_is_bounded(started: Story) -> None:
    """The last lines of one container, whatever the log's size."""
    pod = observe_pod(started.cluster.start_pod(started.job))
    cluster, recorder = port({"event": "x"})
    assert asyncio.run(cluster.read_log(pod)) == b'{"event": "x"}'
    method, path, body, query = recorder.sent[0]
    assert (method, path, body) == ("GET", f"/api/v1/namespaces/app/pods/{pod.name}/log", {})
    assert dict(query) == {"container": "runner", "tailLines": "5", "limitBytes": "32768"}


def test_a_log_that_is_not_to_be_had_is_not_asked_for_twice(started: Story) -> None:
    """A kubelet that does not answer is a 502, and the next look comes soon enough."""
    pod = observe_pod(started.cluster.start_pod(started.job))
    for status in (0, 403, 404, 502):
        cluster, recorder = port({"message": "no"}, status)
        with pytest.raises(ClusterError):
            asyncio.run(cluster.read_log(pod))
        assert len(recorder.sent) == 1
