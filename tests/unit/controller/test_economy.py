"""What a run costs the API server, counted: figures that no clock has to be trusted for."""

import asyncio
from collections.abc import Callable

import pytest

from meshmigrate.controller.observed import Json, observe_resource
from meshmigrate.controller.resource_store import ResourceStore
from meshmigrate.controller.shell import make_settings
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.driving import Ending, Operator, ends_with, killed, play
from tests.unit.controller.scripted_cluster import (
    KEY,
    Clock,
    ScriptedCluster,
    resource_body,
)

_MOST_WRITES = 8
_READS = {"get", "list"}
_FINAL = [outcome for outcome in Outcome if outcome.final]


def writes(cluster: ScriptedCluster) -> list[str]:
    """Give the requests that wrote, events aside."""
    return [
        call for call in cluster.calls if call.split()[0] not in _READS and call != "create event"
    ]


def played(*endings: Ending) -> ScriptedCluster:
    """Give the cluster after a resource was brought to its end."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(resource_body())
    asyncio.run(play(Operator(cluster), list(endings)))
    return cluster


def test_a_run_takes_at_most_eight_writes() -> None:
    """Seven, and an event for its start and for its end."""
    cluster = played(ends_with(Outcome.SUCCEEDED))
    assert len(writes(cluster)) == 7 <= _MOST_WRITES
    assert cluster.calls.count("create event") == 2


def test_nothing_is_asked_before_the_job_of_a_first_run() -> None:
    """There is none to look for: two writes, and then the Job."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(resource_body())
    asyncio.run(Operator(cluster).look())
    assert cluster.calls[:3] == ["write status Pending", "set finalizers", "create job"]


@pytest.mark.parametrize("outcome", _FINAL)
def test_a_restart_asks_nothing_about_a_finished_resource(outcome: Outcome) -> None:
    """Neither reads nor writes, however it has ended: so many of them cost nothing."""
    cluster = played(ends_with(outcome))
    cluster.calls.clear()
    asyncio.run(Operator(cluster).look())
    assert cluster.calls == []


def test_a_restart_asks_nothing_about_a_run_that_was_given_up() -> None:
    """Nor where three runners in a row were lost."""
    cluster = played(killed, killed, killed)
    cluster.calls.clear()
    asyncio.run(Operator(cluster).look())
    assert cluster.calls == []


def succeeded() -> Json:
    """Give a resource whose run went well."""
    return played(ends_with(Outcome.SUCCEEDED)).body()


def failed() -> Json:
    """Give one that says what failed, and where."""
    return played(ends_with(Outcome.ROLLED_BACK, "CheckFailed")).body()


def going() -> Json:
    """Give one that is being deleted, and whose spec has of many types."""
    body = resource_body()
    body["metadata"] |= {
        "finalizers": ["a/b"],
        "deletionTimestamp": "2026-01-02T03:04:05Z",
        "annotations": {"migrations.meshhook.dev/run-requested-at": "now"},
    }
    body["spec"] |= {"target": 20260102030405, "job": {"nodeSelector": {"zone": "a"}}}
    body["spec"]["ledger"]["accept"] = [{"version": "1", "checksum": "c", "reason": "r"}]
    return body


def nonsense() -> Json:
    """Give one whose spec nobody can read."""
    return resource_body(spec={"database": "nonsense"})


@pytest.mark.parametrize("make", [succeeded, failed, going, nonsense])
def test_what_is_packed_comes_back_as_it_was(make: Callable[[], Json]) -> None:
    """Nothing is lost: a difference would be written to the API server at every look."""
    resource = observe_resource(make())
    store = ResourceStore()
    store.put(resource)
    assert store.get(KEY) == resource
    assert store.in_flight(KEY) is None


def test_a_run_in_flight_is_found_without_unpacking() -> None:
    """Until it has ended."""
    cluster = ScriptedCluster(Clock())
    cluster.apply(resource_body())
    asyncio.run(Operator(cluster).look())
    store = ResourceStore()
    store.put(observe_resource(cluster.body()))
    assert store.keys_in_flight() == [KEY]
    assert store.in_flight(KEY) == store.get(KEY)
    store.put(observe_resource(resource_body()))
    assert store.keys_in_flight() == []


def test_kopf_copies_no_object() -> None:
    """It would do so at each event, for handlers that are not there."""
    persistence = make_settings().persistence
    body = resource_body()
    essence = persistence.diffbase_storage.build(body=body)  # type: ignore[arg-type]  # any mapping
    assert essence == {}
    assert persistence.diffbase_storage.fetch(body=body) is None  # type: ignore[arg-type]
    assert persistence.progress_storage.clear(essence=essence) is essence
