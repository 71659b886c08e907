"""What the previous version of the operator left behind is gone on with.

previous_version.json has a resource, its Jobs and pods at five moments, as the operator of the
chart in tests/chart/previous wrote them.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.cluster.paths import CHECKOUT
from meshmigrate.domain.outcome import Outcome
from tests.scripted.kinds import JOBS, PODS, RESOURCES
from tests.unit.controller.driving import Operator, ends_with, play
from tests.unit.controller.scripted_cluster import Clock, ScriptedCluster

Json = dict[str, Any]
LEFT: Json = json.loads(Path(__file__).with_name("previous_version.json").read_text())
DEFINITION = yaml.safe_load((CHECKOUT / "crds" / "databasemigrations.yaml").read_text())
SPEC_SCHEMA = DEFINITION["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def filled(schema: Json, value: Any) -> Any:
    """Add the defaults of the present definition, as the API server does when it reads."""
    if not isinstance(value, dict):
        return value
    fields = schema.get("properties", {})
    absent = {name: field["default"] for name, field in fields.items() if "default" in field}
    return {name: filled(fields.get(name, {}), each) for name, each in {**absent, **value}.items()}


def left_behind(moment: str) -> ScriptedCluster:
    """Give a cluster as the previous version left it, with the present definition."""
    left = json.loads(json.dumps(LEFT[moment]))
    cluster = ScriptedCluster(Clock())
    resource = left["resource"]
    cluster.api.put(RESOURCES, {**resource, "spec": filled(SPEC_SCHEMA, resource["spec"])})
    for kind, bodies in ((JOBS, left["jobs"]), (PODS, left["pods"])):
        for body in bodies:
            cluster.api.put(kind, body)
    cluster.ended_jobs.update(name for name, job in cluster.jobs.items() if job.get("status"))
    return cluster


@pytest.mark.parametrize(
    ("moment", "attempts"), [("starting", 1), ("running", 1), ("backing-off", 2)]
)
def test_a_run_in_flight_is_finished(moment: str, attempts: int) -> None:
    """The same run, with the same number, and no Job more than it takes."""
    cluster = left_behind(moment)
    run_id = LEFT[moment]["resource"]["status"]["currentRun"]["id"]
    asyncio.run(play(Operator(cluster), [ends_with(Outcome.SUCCEEDED)] * attempts))
    status = cluster.body()["status"]
    assert (status["phase"], status["runNumber"]) == ("Succeeded", 1)
    assert (status["lastRun"]["id"], status["lastRun"]["attempts"]) == (run_id, attempts)
    assert len(cluster.jobs) == attempts


@pytest.mark.parametrize("moment", ["succeeded", "rolled-back"])
def test_a_finished_resource_is_left_alone(moment: str) -> None:
    """An upgrade runs no migration again, and writes nothing."""
    cluster = left_behind(moment)
    asyncio.run(play(Operator(cluster), []))
    assert cluster.calls == []
    assert cluster.body()["status"] == LEFT[moment]["resource"]["status"]
