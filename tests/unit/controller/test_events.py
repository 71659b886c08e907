"""Events: on transitions, once each."""

import asyncio
from datetime import timedelta

import pytest

from meshmigrate.controller.admission import Allowed
from meshmigrate.controller.clock import format_time
from meshmigrate.controller.event import Event
from meshmigrate.controller.event_manifest import event_manifest
from meshmigrate.controller.observed import observe_resource
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import FailureDetail
from meshmigrate.observe.notifications.channels import Channels
from meshmigrate.observe.notifications.delivery import NotDelivered
from tests.scripted.faults import CRASH_AFTER, SERVER_ERROR, Fault
from tests.unit.controller.conftest import Story
from tests.unit.controller.couriers import TEAM
from tests.unit.controller.driving import Operator, ends_with
from tests.unit.controller.scripted_cluster import KEY, START, Clock, ScriptedCluster, resource_body


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


def test_a_long_message_is_cut(started: Story) -> None:
    """The API refuses events with more than 1024 characters."""
    failure = FailureDetail(message="x" * 1500)
    ends_with(Outcome.FAILED, failure=failure)(started.cluster, started.job)
    started.look()
    assert len(list(started.cluster.told.values())[-1]["message"]) == 1024


def test_an_event_of_a_run_stands_in_the_status_until_its_next_write(started: Story) -> None:
    """So whoever follows an operator that died tells it; no write is made only to take it away."""
    (event,) = started.status["events"]
    assert (event["reason"], event["occasion"]) == ("RunStarted", "1/start")
    writes = [call for call in started.cluster.calls if call.startswith("write status")]
    started.run()
    assert "events" not in started.status
    assert len(writes) == 1


def test_an_event_of_a_resource_at_rest_leaves_its_status(applied: Story) -> None:
    """Nothing else will be written, and a restarted operator is to ask nothing."""
    applied.cluster.set_spec(suspend=True)
    applied.look()
    assert "events" not in applied.status
    applied.cluster.calls.clear()
    asyncio.run(Operator(applied.cluster).look())
    assert applied.cluster.calls == []


def test_an_event_of_a_status_that_was_stored_by_one_that_died_is_told_by_the_next(
    applied: Story,
) -> None:
    """It dies with the answer to its write, at each of the writes that tell something."""
    applied.cluster.faults = {0: CRASH_AFTER}
    applied.look()
    applied.run()
    ends_with(Outcome.SUCCEEDED)(applied.cluster, applied.job)
    applied.cluster.faults = {len(applied.cluster.calls): CRASH_AFTER}
    applied.look()
    assert applied.operator.crashes == 2
    assert told(applied) == [("Normal", "RunStarted"), ("Normal", "Succeeded")]
    assert applied.cluster.body()["metadata"]["finalizers"] == []


def test_an_event_that_could_not_be_stored_is_told_later(applied: Story) -> None:
    """The finalizer stays as long, so that a successor sees it too."""
    first_event = 3
    applied.cluster.faults = dict.fromkeys(range(first_event, first_event + 4), SERVER_ERROR)
    applied.look()
    assert applied.cluster.calls[first_event : first_event + 5] == ["create event"] * 5
    assert told(applied) == [("Normal", "RunStarted")]


def test_an_event_that_the_api_server_does_not_take_holds_nothing_up(started: Story) -> None:
    """As in a namespace that is being deleted: asking again would not help."""
    forbidden = Fault(done=False, status=403, reason="Forbidden")
    started.cluster.fates = {"create event": forbidden}
    started.finish(Outcome.SUCCEEDED)
    assert started.cluster.calls.count("create event") == 2
    assert told(started) == [("Normal", "RunStarted")]
    assert started.cluster.body()["metadata"]["finalizers"] == []


def test_a_deletion_waits_half_a_minute_for_an_event(applied: Story) -> None:
    """Where events cannot be stored at all, as with an etcd of their own that is away."""
    applied.cluster.fates = {"create event": SERVER_ERROR}
    with pytest.raises(AssertionError, match="errors in a row"):
        applied.look()
    applied.cluster.delete()
    with pytest.raises(AssertionError, match="errors in a row"):
        applied.look()
    applied.cluster.clock.pass_time(timedelta(seconds=30))
    applied.look()
    assert KEY not in applied.cluster.resources


def test_no_finalizer_stays_for_an_event_for_longer_than_half_a_minute(started: Story) -> None:
    """Somebody may delete the resource when the operator is not there any more."""
    ends_with(Outcome.ROLLED_BACK)(started.cluster, started.job)
    started.cluster.fates = {"create event": SERVER_ERROR}
    with pytest.raises(AssertionError, match="errors in a row"):
        started.look()
    assert started.cluster.body()["metadata"]["finalizers"] != []
    started.cluster.clock.pass_time(timedelta(seconds=30))
    started.look()
    assert started.cluster.body()["metadata"]["finalizers"] == []


def test_a_refusal_is_told_once_however_often_its_notification_is_tried(applied: Story) -> None:
    """What became of a notification is a change of the status, but nothing new of the spec."""
    applied.operator.source.channels = Channels(channels={"team": TEAM}, default=("team",))
    applied.operator.courier.look()
    applied.operator.sink.refusals = [NotDelivered("gone") for _ in range(3)]
    applied.operator.restart(Allowed())
    applied.cluster.set_spec(job={"serviceAccountName": "root"})
    applied.look()
    for _ in range(3):
        asyncio.run(applied.operator.deliver())
        applied.cluster.clock.pass_time(timedelta(minutes=1))
    assert applied.status["notifications"][0]["attempts"] == 3
    asked = [
        request.body["reason"]
        for request in applied.cluster.requests
        if request.method == "POST" and request.body and request.path.endswith("/events")
    ]
    assert asked == ["ServiceAccountNotAllowed", "NotificationDelayed"]
