"""What has ended is told: written down with the end itself, sent until it arrives, or given up."""

import asyncio
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from meshmigrate.controller import names
from meshmigrate.controller.admission import Allowed
from meshmigrate.controller.observed import Json
from meshmigrate.domain.outcome import Outcome
from meshmigrate.observe.notifications.channels import Channel, Channels
from meshmigrate.observe.notifications.delivery import NotDelivered
from tests.scripted.faults import CRASH_AFTER, CRASH_BEFORE
from tests.scripted.kinds import RESOURCES
from tests.unit.controller.conftest import Story
from tests.unit.controller.couriers import TEAM
from tests.unit.controller.driving import ends_with
from tests.unit.controller.scripted_cluster import KEY


@pytest.fixture
def team(started: Story) -> Story:
    """Give a resource with its Job, and an operator that tells the team by default."""
    configure(started, team=TEAM)
    return started


def configure(story: Story, *, default: tuple[str, ...] = ("team",), **channels: Channel) -> None:
    """Configure the operator."""
    story.operator.source.channels = Channels(channels=channels, default=default)
    story.operator.courier.look()


def deliver(story: Story) -> None:
    """Let the courier look once, and what it learned be stored."""
    asyncio.run(story.operator.deliver())


def entries(story: Story) -> list[Json]:
    """Give the outbox."""
    found: list[Json] = story.status.get("notifications", [])
    return found


def pass_time(story: Story, **duration: float) -> None:
    """Let time pass."""
    story.cluster.clock.pass_time(timedelta(**duration))


def counted(story: Story, outcome: str) -> float | None:
    """Give the counter."""
    registry = story.operator.metrics.registry
    return registry.get_sample_value("meshmigrate_notifications_total", {"outcome": outcome})


def events(story: Story, reason: str) -> list[str]:
    """Give the messages of the events of a reason."""
    return [e["message"] for e in story.cluster.told.values() if e["reason"] == reason]


def test_an_end_and_what_is_to_be_told_of_it_are_one_write(team: Story) -> None:
    """There is no moment in which the one is stored and the other is not."""
    team.finish(Outcome.ROLLED_BACK)
    bodies = [each.after for each in team.cluster.api.changes if each.kind is RESOURCES]
    ended = [body["status"] for body in bodies if body and "lastRun" in body["status"]]
    assert ended
    assert all(status["notifications"][0]["state"] == "Pending" for status in ended)


def test_what_is_told_is_what_the_status_says(team: Story) -> None:
    """Outcome, where, the place of the error, the message of Ready, who asked, the CI run."""
    team.cluster.set_spec(provenance={"actor": "ada", "commit": "c0ffee", "runURL": "https://ci"})
    team.look()
    team.finish(Outcome.ROLLED_BACK)
    deliver(team)
    (notice,) = team.operator.sink.told
    assert (notice.outcome, notice.where, notice.place) == (
        "RolledBack",
        "app/web",
        "web-1/3_c.sql:4:7",
    )
    assert notice.message == team.ready()["message"]
    assert notice.run_id == team.status["lastRun"]["id"]
    assert (notice.database, notice.version, notice.sqlstate) == ("app", "3", "42P01")


def test_a_run_tells_with_the_provenance_it_was_started_with(applied: Story) -> None:
    """An edit of the provenance while it works is of the next one."""
    configure(applied, team=TEAM)
    applied.cluster.set_spec(provenance={"actor": "ada", "runURL": "https://ci"})
    applied.look()
    applied.cluster.set_spec(provenance={"actor": "eve"})
    applied.finish()
    deliver(applied)
    (notice,) = applied.operator.sink.told
    assert (notice.actor, notice.run_url) == ("ada", "https://ci")


def test_a_delivered_one_is_shown_as_such_and_counted_once(team: Story) -> None:
    """Its text is not kept; nothing holds the resource any more."""
    team.finish()
    assert names.FINALIZER in team.cluster.body()["metadata"]["finalizers"]
    deliver(team)
    deliver(team)
    (entry,) = entries(team)
    assert (entry["state"], entry["attempts"]) == ("Delivered", 1)
    assert "notice" not in entry
    assert counted(team, "delivered") == len(team.operator.sink.messages) == 1
    assert team.cluster.body()["metadata"]["finalizers"] == []


def test_a_receiver_that_is_gone_holds_no_resource_for_longer_than_a_moment(team: Story) -> None:
    """Whoever uninstalls the operator an hour later finds nothing that cannot be deleted."""
    team.operator.sink.refusals = [NotDelivered("the webhook answered 500")] * 100
    team.finish()
    deliver(team)
    assert names.FINALIZER in team.cluster.body()["metadata"]["finalizers"]
    pass_time(team, seconds=31)
    deliver(team)
    (entry,) = entries(team)
    assert entry["state"] == "Pending"
    assert team.cluster.body()["metadata"]["finalizers"] == []


def test_an_operator_that_dies_before_it_has_told_leaves_it_to_the_next(team: Story) -> None:
    """The outbox is in the resource."""
    team.finish()
    team.operator.restart(team.operator.allowed)
    assert team.operator.sink.messages == []
    deliver(team)
    assert [notice.outcome for notice in team.operator.sink.told] == ["Succeeded"]


def test_one_that_dies_before_it_has_stored_the_delivery_tells_it_again(team: Story) -> None:
    """With the same id, by which the receiver knows it."""
    team.finish()

    async def send_and_die() -> None:
        team.operator.cluster.show_to(team.operator.cache)
        team.operator.courier.look()
        await asyncio.sleep(0)

    asyncio.run(send_and_die())
    team.operator.restart(team.operator.allowed)
    deliver(team)
    (_, first), (_, second) = team.operator.sink.messages
    assert first == second


def test_what_does_not_arrive_is_tried_again_later_each_time(team: Story) -> None:
    """After 10 s, 20 s and so on up to 15 min; an event says so once."""
    team.operator.sink.refusals = [NotDelivered("the webhook answered 500")] * 10
    team.finish()
    waits: list[float] = []
    for _ in range(10):
        before = team.cluster.clock.now
        while len(team.operator.sink.refusals) == 10 - len(waits):
            deliver(team)
            pass_time(team, seconds=1)
        waits.append((team.cluster.clock.now - before).total_seconds())
        assert entries(team)[0]["reason"] == "the webhook answered 500"
    assert [round(wait, -1) for wait in waits] == [0, 10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert counted(team, "failed") == 10
    assert events(team, "NotificationDelayed") == [
        "channel team, attempt 1: the webhook answered 500; it is tried again for a day"
    ]
    pass_time(team, seconds=900)
    deliver(team)
    assert entries(team)[0]["state"] == "Delivered"
    assert "reason" not in entries(team)[0]


def test_after_a_day_it_is_given_up(team: Story) -> None:
    """With an event, a metric, and the reason in the status; nothing holds the resource."""
    team.operator.sink.refusals = [NotDelivered("the webhook answered 404")] * 2
    team.finish()
    deliver(team)
    pass_time(team, days=1)
    deliver(team)
    (entry,) = entries(team)
    assert (entry["state"], entry["reason"]) == ("GivenUp", "the webhook answered 404")
    assert events(team, "NotificationGivenUp") == [
        "channel team, attempt 2: the webhook answered 404"
    ]
    assert (counted(team, "failed"), counted(team, "given_up")) == (1, 1)
    assert team.cluster.body()["metadata"]["finalizers"] == []


def test_a_receiver_that_asks_to_be_left_alone_is(team: Story) -> None:
    """Its Retry-After counts, also for what comes meanwhile."""
    team.operator.sink.refusals = [NotDelivered("429", retry_after=120)]
    team.finish()
    deliver(team)
    team.cluster.annotate(names.RUN_REQUEST_ANNOTATION, "again")
    team.look()
    team.finish(Outcome.UP_TO_DATE)
    for _ in range(11):
        pass_time(team, seconds=10)
        deliver(team)
    assert team.operator.sink.messages == []
    pass_time(team, seconds=10)
    deliver(team)
    assert [notice.outcome for notice in team.operator.sink.told] == ["UpToDate", "Succeeded"]


def test_a_resource_may_name_its_channels(team: Story) -> None:
    """Instead of the operator's default ones; and it need not be told to anybody."""
    data = Channel(urls=("json://data",))
    configure(team, team=TEAM, data=data)
    team.cluster.set_spec(notifications={"channels": ["data"]})
    team.finish()
    deliver(team)
    assert [channel for channel, _ in team.operator.sink.messages] == [data]
    team.cluster.set_spec(notifications={"channels": []})
    team.cluster.annotate(names.RUN_REQUEST_ANNOTATION, "again")
    team.look()
    team.finish()
    assert len(entries(team)) == 1


def test_naming_channels_starts_no_run(team: Story) -> None:
    """Who is told is no reason to migrate."""
    team.finish()
    team.cluster.set_spec(notifications={"channels": ["data"]})
    team.look()
    assert team.status["runNumber"] == 1
    assert "currentRun" not in team.status


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"minimum_severity": "error"}, ["RolledBack"]),
        ({"minimum_severity": "critical"}, []),
        ({"outcomes": ("Succeeded",)}, ["Succeeded"]),
        ({}, ["Succeeded", "RolledBack"]),
    ],
)
def test_a_channel_is_told_what_it_asked_for(
    team: Story, filters: dict[str, Any], told: list[str]
) -> None:
    """By outcome and by severity; what it does not want is not even written down."""
    configure(team, team=Channel(webhook=TEAM.webhook, **filters))
    team.finish()
    deliver(team)
    team.cluster.annotate(names.RUN_REQUEST_ANNOTATION, "again")
    team.look()
    team.finish(Outcome.ROLLED_BACK)
    pass_time(team, seconds=10)
    deliver(team)
    assert [notice.outcome for notice in team.operator.sink.told] == told
    assert len(entries(team)) == len(told)


def test_a_channel_that_is_not_there_holds_nothing_up_and_is_named(team: Story) -> None:
    """The run ends as ever; as soon as the channel is configured, it is told."""
    team.cluster.set_spec(notifications={"channels": ["daat"]})
    team.finish()
    assert team.status["phase"] == "Succeeded"
    deliver(team)
    (said,) = events(team, "NotificationDelayed")
    assert "has no channel daat" in said
    configure(team, daat=TEAM, default=())
    pass_time(team, seconds=10)
    deliver(team)
    assert [entry["state"] for entry in entries(team)] == ["Delivered"]


def test_a_channel_that_comes_late_and_does_not_want_it_is_not_told(team: Story) -> None:
    """What was written down for it is marked as unwanted, and not counted."""
    team.cluster.set_spec(notifications={"channels": ["late"]})
    team.finish()
    configure(team, late=Channel(webhook=TEAM.webhook, minimum_severity="error"), default=())
    deliver(team)
    deliver(team)
    assert team.operator.sink.messages == []
    assert [entry["state"] for entry in entries(team)] == ["Unwanted"]
    assert counted(team, "given_up") == counted(team, "failed") == 0


def test_a_deletion_waits_half_a_minute_for_what_is_untold(team: Story) -> None:
    """Not longer: then it is counted as given up."""
    team.operator.sink.refusals = [NotDelivered("it is down")] * 9
    team.finish()
    team.cluster.delete()
    for _ in range(3):
        deliver(team)
        assert KEY in team.cluster.resources
        pass_time(team, seconds=10)
    deliver(team)
    assert KEY not in team.cluster.resources
    assert counted(team, "given_up") == 1


def test_a_deletion_that_has_told_all_does_not_wait(team: Story) -> None:
    """The end of a run that was waited for is told as well."""
    team.run()
    team.cluster.delete()
    team.look()
    ends_with(Outcome.SUCCEEDED)(team.cluster, team.job)
    team.look()
    assert KEY in team.cluster.resources
    deliver(team)
    assert KEY not in team.cluster.resources
    assert [notice.outcome for notice in team.operator.sink.told] == ["Succeeded"]


def test_a_refusal_without_a_run_is_told_once(applied: Story) -> None:
    """A spec that the administrator does not allow has no run, and still somebody waits for it."""
    configure(applied, team=TEAM)
    applied.operator.restart(Allowed())
    applied.cluster.set_spec(job={"serviceAccountName": "root"})
    for _ in range(3):
        applied.look()
        deliver(applied)
    assert [notice.outcome for notice in applied.operator.sink.told] == ["Refused"]
    assert applied.cluster.body()["metadata"]["finalizers"] == []


def test_a_run_that_cannot_work_for_too_long_is_told_once(team: Story) -> None:
    """At its retry deadline a person is needed; its end is told as well."""
    for _ in range(3):
        team.back_off()
        pass_time(team, hours=1)
        team.look()
    deliver(team)
    assert team.status["phase"] == "Retrying"
    assert [notice.outcome for notice in team.operator.sink.told] == ["Retrying"]


def test_an_outbox_is_bounded_and_keeps_the_newest(team: Story) -> None:
    """What is pushed out was not told: it counts as given up."""
    configure(team, default=())
    team.cluster.set_spec(notifications={"channels": [f"c{number}" for number in range(8)]})
    team.finish()
    for number in range(3):
        team.cluster.annotate(names.RUN_REQUEST_ANNOTATION, f"{number}")
        team.look()
        team.finish(Outcome.UP_TO_DATE)
    assert len(entries(team)) == 24
    assert {entry["notice"]["runNumber"] for entry in entries(team)} == {2, 3, 4}
    assert counted(team, "given_up") == 8


OUTCOMES = (Outcome.SUCCEEDED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED, Outcome.UP_TO_DATE)


@pytest.mark.parametrize("seed", range(50))
def test_whenever_the_operator_is_killed_every_outcome_is_told(team: Story, seed: int) -> None:
    """Four runs and four kills, at requests and at messages: each is told, and as it ended."""
    dice = Random(seed)  # noqa: S311  a test's dice
    operator, done = team.operator, len(team.cluster.calls)
    moments = dice.sample(range(done, done + 25), 3)
    team.cluster.faults = {at: dice.choice([CRASH_BEFORE, CRASH_AFTER]) for at in moments}
    fates = ["", "", "", dice.choice(["before", "after"])]
    dice.shuffle(fates)
    operator.sink.fate = lambda: fates.pop() if fates else ""
    for number, outcome in enumerate(OUTCOMES):
        if number:
            team.cluster.annotate(names.RUN_REQUEST_ANNOTATION, str(number))
            team.look()
        team.finish(outcome)
        deliver(team)
        pass_time(team, seconds=dice.choice([1, 15]))
    for _ in range(5):
        pass_time(team, seconds=15)
        deliver(team)
    ended = {(entry["id"], entry["outcome"]) for entry in team.status["history"]}
    told = {(notice.run_id, notice.outcome) for notice in team.operator.sink.told}
    assert told == ended
    assert [outcome for _, outcome in sorted(told, key=lambda each: each[1])] == sorted(OUTCOMES)
    assert {entry["state"] for entry in entries(team)} == {"Delivered"}
    assert operator.crashes >= 3  # two at once are one
