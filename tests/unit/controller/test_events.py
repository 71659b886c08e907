"""Events: on transitions, once each."""

import asyncio
from datetime import timedelta

from meshmigrate.controller.clock import format_time
from meshmigrate.controller.events import Event, event_manifest
from meshmigrate.controller.observed import observe_resource
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.conftest import Story
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import START, Clock, ScriptedCluster, resource_body


def told(story: Story) -> list[tuple[str, str]]:
    """Give what was told, in order."""
    return [(event["type"], str(event["reason"])) for event in story.cluster.told.values()]


def test_a_success_tells_start_and_end(started: Story) -> None:
    """Two events, both Normal."""
    started.cluster.start_pod(started.job)
    started.look()
    ends_with(Outcome.SUCCEEDED)(started.cluster, started.job)
    started.look()
    assert told(started) == [("Normal", "RunStarted"), ("Normal", "Succeeded")]


def test_a_failure_is_a_warning_with_its_outcome(started: Story) -> None:
    """The reason is the outcome, the message is that of the condition."""
    ends_with(Outcome.HALTED, "NoRollbackScript")(started.cluster, started.job)
    started.look()
    assert told(started)[-1] == ("Warning", "Halted")
    assert list(started.cluster.told.values())[-1]["message"] == started.ready()["message"]


def test_a_spec_that_cannot_be_meant_is_told_once(applied: Story) -> None:
    """Although no run begins: whoever applied it looks at the events."""
    applied.cluster.set_spec(sauce=1)
    applied.look()
    applied.look()
    assert told(applied) == [("Warning", "InvalidSpec")]
    applied.cluster.set_spec(ketchup=1)
    applied.look()
    assert told(applied) == [("Warning", "InvalidSpec")] * 2


def test_a_resource_that_waits_because_it_is_suspended_says_so_once(applied: Story) -> None:
    """It is as somebody wanted it: a normal event."""
    applied.cluster.set_spec(suspend=True)
    applied.look()
    applied.look()
    assert told(applied) == [("Normal", "Suspended")]


def test_an_event_told_twice_has_one_name() -> None:
    """What happened gives the name, not when it was told or by which process."""
    resource = observe_resource(resource_body())
    event = Event("Normal", "Succeeded", "done", "1/end")
    names = {event_manifest(event, resource, START)["metadata"]["name"] for _ in range(2)}
    assert len(names) == 1


def test_what_happens_again_is_counted(started: Story) -> None:
    """The database stays away for three attempts: one event, which says how often and when."""
    for attempt in (1, 2, 3):
        started.look()
        started.cluster.start_pod(started.job)
        started.look()
        ends_with(Outcome.UNREACHABLE, "DatabaseUnreachable")(started.cluster, started.job)
        started.look()
        (event,) = (e for e in started.cluster.told.values() if e["type"] == "Warning")
        assert event["count"] == attempt
        assert event["message"] == started.ready()["message"]
        assert event["lastTimestamp"] == format_time(started.cluster.clock())
        started.cluster.end_job(started.job)
        started.cluster.clock.pass_time(timedelta(minutes=10))
    assert [reason for _, reason in told(started)] == ["RunStarted", "DatabaseUnreachable"]


def test_an_event_is_counted_once_for_each_attempt() -> None:
    """Whoever is restarted tells it again, and it is there; so is an older one that comes late."""
    cluster, resource = ScriptedCluster(Clock()), observe_resource(resource_body())
    for attempt in (1, 1, 3, 2, 3):
        event = Event("Warning", "DatabaseUnreachable", "away", "1/DatabaseUnreachable", attempt)
        asyncio.run(cluster.create_event(event_manifest(event, resource, START)))
    assert [event["count"] for event in cluster.told.values()] == [2]


def test_an_event_that_another_operator_counts_is_counted_once() -> None:
    """Of two who have seen the same count one writes the next."""
    cluster, resource = ScriptedCluster(Clock()), observe_resource(resource_body())

    async def count_twice() -> None:
        first, second = (
            event_manifest(Event("Warning", "RunnerLost", "m", "1/RunnerLost", n), resource, START)
            for n in (1, 2)
        )
        await cluster.create_event(first)
        await asyncio.gather(cluster.create_event(second), cluster.create_event(second))

    asyncio.run(count_twice())
    assert [event["count"] for event in cluster.told.values()] == [2]


def test_a_long_message_is_cut() -> None:
    """The API refuses events with more than 1024 characters."""
    event = Event("Warning", "Failed", "x" * 5000, "1/end")
    manifest = event_manifest(event, observe_resource(resource_body()), START)
    assert len(manifest["message"]) == 1024
