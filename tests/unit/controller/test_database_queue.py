"""Runs on one database queue behind each other, and nobody waits for one that does not work."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest

from meshmigrate.controller import names
from meshmigrate.controller.cache import Cache
from meshmigrate.controller.observed import Json, Key, observe_resource
from meshmigrate.domain.outcome import Outcome
from tests.unit.controller.driving import Operator, ends_with
from tests.unit.controller.scripted_cluster import (
    KEY,
    OTHER_KEY,
    Clock,
    ScriptedCluster,
    other_body,
    resource_body,
)

WEB, SHOP, BLOG = KEY, OTHER_KEY, Key("app", "blog")
IN_PROGRESS = {"Ready": "False", "Reconciling": "True", "Stalled": "False", "Succeeded": "Unknown"}


@dataclass(frozen=True)
class Town:
    """Several resources for one database, and the operator."""

    cluster: ScriptedCluster
    operator: Operator

    def look(self, *keys: Key) -> None:
        """Let the operator look at resources, all of them where none is named."""
        for key in keys or sorted(self.cluster.resources):
            asyncio.run(self.operator.look(key))

    def status(self, key: Key) -> Json:
        """Give the status of a resource."""
        status: Json = self.cluster.body(key)["status"]
        return status

    def phase(self, key: Key) -> str:
        """Give the phase of a resource."""
        return str(self.status(key)["phase"])

    def message(self, key: Key) -> str:
        """Give what Ready says."""
        conditions = self.status(key)["conditions"]
        return str(next(c["message"] for c in conditions if c["type"] == "Ready"))

    def job(self, key: Key) -> str:
        """Give the Job of the attempt in flight."""
        return str(self.status(key)["currentRun"]["jobName"])

    def begin(self, *keys: Key) -> None:
        """Create resources, one second after the other, each looked at at once."""
        for key in keys:
            self.cluster.apply(resource_body() if key == WEB else other_body(key))
            self.look(key)
            self.pass_time(1)

    def end(self, key: Key, outcome: Outcome = Outcome.SUCCEEDED, reason: str = "") -> None:
        """Let the attempt in flight end."""
        job = self.job(key)
        ends_with(outcome, reason)(self.cluster, job)
        self.look(key)
        self.cluster.end_job(job)
        self.look(key)

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.cluster.clock.pass_time(timedelta(seconds=seconds))


@pytest.fixture
def town() -> Town:
    """Give a cluster without resources."""
    cluster = ScriptedCluster(Clock())
    return Town(cluster, Operator(cluster))


def test_the_second_waits_for_the_first_and_names_it(town: Town) -> None:
    """It has no Job and no finalizer; when the first has ended it goes on by itself."""
    town.begin(WEB, SHOP)
    assert town.phase(SHOP) == "Queued"
    conditions = {c["type"]: c["status"] for c in town.status(SHOP)["conditions"]}
    assert conditions == IN_PROGRESS
    assert "app/web" in town.message(SHOP)
    assert len(town.cluster.jobs) == 1
    assert town.cluster.body(SHOP)["metadata"].get("finalizers", []) == []
    calls = len(town.cluster.calls)
    town.look(SHOP)
    assert len(town.cluster.calls) == calls, "waiting costs nothing"
    town.end(WEB)
    town.look(SHOP)
    assert town.phase(SHOP) == "Pending"
    assert town.job(SHOP) in town.cluster.jobs
    town.end(SHOP)
    assert town.phase(SHOP) == "Succeeded"
    reasons = {event["reason"] for event in town.cluster.told.values()}
    assert "RunStarted" in reasons


def test_they_go_in_the_order_in_which_they_came(town: Town) -> None:
    """Whoever is looked at first, and each names the one before it."""
    town.begin(WEB, SHOP, BLOG)
    assert "app/shop" in town.message(BLOG)
    town.end(WEB)
    town.look(BLOG)
    assert town.phase(BLOG) == "Queued"
    town.look(SHOP, BLOG)
    assert (town.phase(SHOP), town.phase(BLOG)) == ("Pending", "Queued")
    town.end(SHOP)
    town.look(BLOG)
    assert town.phase(BLOG) == "Pending"


def test_of_two_that_begin_in_one_moment_one_waits(town: Town) -> None:
    """Two workers at once: the second sees what the first is writing."""
    town.cluster.apply(resource_body())
    town.cluster.apply(other_body())
    town.cluster.show_to(town.operator.cache)

    async def both() -> None:
        reconcile = town.operator.reconciler.reconcile
        await asyncio.gather(reconcile(WEB), reconcile(SHOP))

    asyncio.run(both())
    assert sorted((town.phase(WEB), town.phase(SHOP))) == ["Pending", "Queued"]
    assert len(town.cluster.created_jobs) == 1


def test_another_secret_is_another_database_until_a_run_has_seen_it(town: Town) -> None:
    """After their first runs they are known to share the database, and follow each other."""
    town.cluster.apply(resource_body())
    town.cluster.apply(other_body(url_in="same-database"))
    town.look()
    assert len(town.cluster.jobs) == 2
    for key in (WEB, SHOP):
        town.end(key)
    town.cluster.set_spec(WEB, target=5)
    town.cluster.set_spec(SHOP, target=5)
    town.look()
    assert sorted((town.phase(WEB), town.phase(SHOP))) == ["Pending", "Queued"]


def test_a_secret_of_the_same_name_in_another_namespace_is_another(town: Town) -> None:
    """Secrets are the namespace's own."""
    elsewhere = Key("else", "web")
    town.begin(WEB, elsewhere)
    assert town.phase(elsewhere) == "Pending"


def test_one_that_backs_off_lets_the_others_pass(town: Town) -> None:
    """Between attempts nothing works; its next attempt then waits, and is ahead of the rest."""
    town.begin(WEB, SHOP)
    town.end(WEB, Outcome.UNREACHABLE, "DatabaseUnreachable")
    town.look(SHOP)
    assert town.phase(SHOP) == "Pending"
    town.cluster.start_pod(town.job(SHOP))
    town.begin(BLOG)
    assert town.phase(BLOG) == "Queued"
    town.pass_time(60)
    town.look(WEB)
    assert town.phase(WEB) == "Queued"
    assert "app/shop" in town.message(WEB)
    assert len(town.cluster.created_jobs) == 2
    town.end(SHOP)
    town.look(BLOG, WEB)
    assert (town.phase(WEB), town.phase(BLOG)) == ("Pending", "Queued")
    assert town.status(WEB)["currentRun"]["attempt"] == 2


def test_one_that_retries_for_ever_blocks_nobody(town: Town) -> None:
    """Past its deadline it is Retrying, stays so while it waits, and the others go on."""
    town.begin(WEB, SHOP)
    town.end(WEB, Outcome.UNREACHABLE, "DatabaseUnreachable")
    town.look(SHOP)
    town.pass_time(3700)
    town.cluster.start_pod(town.job(SHOP))
    town.look(SHOP, WEB)
    assert town.phase(WEB) == "Retrying"
    reason = next(c["reason"] for c in town.status(WEB)["conditions"] if c["type"] == "Ready")
    assert reason == "Queued"
    town.end(SHOP)
    town.look(WEB)
    assert town.phase(SHOP) == "Succeeded"
    assert town.status(WEB)["currentRun"]["attempt"] == 2


def test_one_that_cannot_start_lets_the_others_pass(town: Town) -> None:
    """A missing Secret of one resource is no reason for another to wait."""
    town.begin(WEB, SHOP)
    job = town.job(WEB)
    town.cluster.waiting_pod(job, "ErrImagePull", "manifest unknown")
    town.look(WEB, SHOP)
    assert town.phase(SHOP) == "Pending"
    assert town.job(SHOP) in town.cluster.jobs


def test_one_that_is_suspended_lets_the_others_pass(town: Town) -> None:
    """Held back at the head of the queue, it holds nobody else back, and queues up afterwards."""
    town.begin(WEB, SHOP, BLOG)
    town.cluster.set_spec(SHOP, suspend=True)
    town.look(SHOP)
    town.end(WEB)
    town.look(BLOG)
    assert (town.phase(SHOP), town.phase(BLOG)) == ("Suspended", "Pending")
    town.cluster.set_spec(SHOP, suspend=False)
    town.look(SHOP)
    assert town.phase(SHOP) == "Queued"
    town.end(BLOG)
    town.look(SHOP)
    assert town.phase(SHOP) == "Pending"


def test_one_that_is_deleted_leaves_the_queue(town: Town) -> None:
    """It is gone at once, and whoever was behind it goes on."""
    town.begin(WEB, SHOP, BLOG)
    town.cluster.delete(SHOP)
    assert SHOP not in town.cluster.resources
    town.end(WEB)
    town.look(BLOG)
    assert town.phase(BLOG) == "Pending"


def test_a_cancelled_run_leaves_the_queue(town: Town) -> None:
    """It had not begun: it is closed at once."""
    town.begin(WEB, SHOP)
    run_id = town.status(SHOP)["currentRun"]["id"]
    town.cluster.annotate(names.CANCEL_ANNOTATION, run_id, SHOP)
    town.look(SHOP)
    assert town.phase(SHOP) == "Cancelled"
    assert len(town.cluster.created_jobs) == 1


def test_an_edit_in_the_queue_is_a_new_run_at_its_end(town: Town) -> None:
    """What was queued gives way to what is wanted now."""
    town.begin(WEB, SHOP, BLOG)
    town.cluster.set_spec(SHOP, target=5)
    town.look(SHOP)
    assert town.status(SHOP)["runNumber"] == 2
    assert "app/blog" in town.message(SHOP)


def test_who_waits_is_woken_by_whoever_it_waits_for() -> None:
    """A change of one resource brings those behind it back to the work queue, and no others."""
    cache, clock = Cache(), Clock()
    cluster = ScriptedCluster(clock)
    town = Town(cluster, Operator(cluster))
    town.begin(WEB, SHOP)
    cluster.apply(other_body(BLOG, url_in="another"))
    town.look()
    cluster.show_to(cache)
    web = cache.resource(WEB)
    assert web is not None
    assert cache.queued_behind(web) == [SHOP]
    cache.drop_resource(WEB, web.uid)
    assert cache.queued_behind(web) == [SHOP]
    shop = observe_resource(cluster.body(SHOP))
    assert cache.queued_behind(shop) == []
