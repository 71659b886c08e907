"""A stand-in for the Job controller and the kubelet: every Job gets a pod that succeeds at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from bench.cluster_client import ClusterClient, Json
from meshmigrate.controller import names
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import DatabaseIdentity, Result, Versions, encode_result
from meshmigrate.domain.runspec import decode_spec

_RUN_SECONDS: Final = 1.0
"""As long as a short one takes: whoever watches sees it run."""
_CONTAINER: Final = {
    "name": names.RUNNER_CONTAINER,
    "image": "runner:1",
    "imageID": "",
    "restartCount": 0,
}


@asynccontextmanager
async def kubelet(
    cluster: ClusterClient, namespace: str, *, seconds: float = _RUN_SECONDS
) -> AsyncIterator[None]:
    """Play both while the block runs, which fails if they cannot; a pod runs for ``seconds``."""
    async with asyncio.TaskGroup() as group:

        async def see() -> None:
            seen: set[str] = set()
            async for event in cluster.watch(f"/apis/batch/v1/namespaces/{namespace}/jobs"):
                job = event["object"]
                uid = job["metadata"]["uid"]
                if event["type"] == "ADDED" and not job.get("status") and uid not in seen:
                    seen.add(uid)
                    group.create_task(_run(cluster, job, seconds))

        seeing = group.create_task(see())
        yield
        seeing.cancel()


async def _run(cluster: ClusterClient, job: Json, seconds: float) -> None:
    meta, template = job["metadata"], job["spec"]["template"]
    pods = f"/api/v1/namespaces/{meta['namespace']}/pods"
    name = f"{meta['name']}-{uuid4().hex[:5]}"
    await cluster.send(
        "POST",
        pods,
        {
            "metadata": {
                "name": name,
                "labels": template["metadata"]["labels"],
                "annotations": template["metadata"]["annotations"],
            },
            "spec": template["spec"],
        },
    )
    started = _now()
    await _tell(cluster, f"{pods}/{name}", "Running", {"running": {"startedAt": started}})
    await asyncio.sleep(seconds)
    ended = {
        "exitCode": 0,
        "reason": "Completed",
        "startedAt": started,
        "finishedAt": _now(),
        "message": _result(template["metadata"]["annotations"][names.RUN_SPEC_ANNOTATION], seconds),
    }
    await _tell(cluster, f"{pods}/{name}", "Succeeded", {"terminated": ended})
    conditions = [{"type": kind, "status": "True"} for kind in ("SuccessCriteriaMet", "Complete")]
    await cluster.send(
        "PATCH",
        f"/apis/batch/v1/namespaces/{meta['namespace']}/jobs/{meta['name']}/status",
        {
            "status": {
                "startTime": started,
                "completionTime": _now(),
                "succeeded": 1,
                "conditions": [
                    {**condition, "lastTransitionTime": _now()} for condition in conditions
                ],
            }
        },
    )


async def _tell(cluster: ClusterClient, pod: str, phase: str, state: dict[str, Any]) -> None:
    container = {**_CONTAINER, "ready": phase == "Running", "state": state}
    status = {"phase": phase, "containerStatuses": [container]}
    await cluster.send("PATCH", f"{pod}/status", {"status": status})


def _result(told: str, seconds: float) -> str:
    run = decode_spec(told.encode()).run
    now = _now()
    return encode_result(
        Result(
            api_version=1,
            run_id=str(run.id),
            attempt=run.attempt,
            outcome=Outcome.SUCCEEDED,
            reason="Succeeded",
            message="applied 3 versions, the schema is at version 3",
            started_at=now,
            finished_at=now,
            duration_seconds=seconds,
            database=DatabaseIdentity(name="app", system_identifier="7301234567890123456"),
            current_version="3",
            applied=Versions(count=3, first="1", last="3"),
        )
    ).decode()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
