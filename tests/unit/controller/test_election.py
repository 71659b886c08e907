"""Leader election: never two active ones, and never none for long."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshmigrate.controller.election import Election, LeaseLost, LeaseTimings
from meshmigrate.controller.lease import KubernetesLease
from tests.scripted.api import ScriptedApi
from tests.scripted.exchange import Request
from tests.scripted.faults import LOST, REFUSED, Fault
from tests.scripted.kinds import LEASES, Json
from tests.scripted.transport import Fate, ScriptedTransport, at_once, requests_over
from tests.scripted.virtual_time import run_virtually

NAME = ("system", "meshmigrate")


class Candidates:
    """Operators that compete for one Lease, each with its own way to the API."""

    def __init__(self) -> None:
        self.api = ScriptedApi()
        self.loop = asyncio.get_running_loop()
        self.elections: dict[str, Election] = {}
        self.fates: dict[str, Fate] = {}

    def election(
        self,
        name: str,
        depart: Callable[[], Awaitable[None]] = at_once,
        jitter: Callable[[], float] = lambda: 1.0,
    ) -> Election:
        """Give a candidate, by default with the longest pauses."""
        self.fates[name] = lambda _: None

        def fate(request: Request) -> Fault | None:
            return self.fates[name](request)

        transport = ScriptedTransport(self.api, fate, depart=depart)
        requests = requests_over(transport, attempts=1)
        self.elections[name] = Election(
            KubernetesLease(requests, *NAME),
            name,
            LeaseTimings(),
            clock=self.loop.time,
            jitter=jitter,
        )
        return self.elections[name]

    def be_taken(self) -> None:
        """Let somebody else hold the Lease, by hand or by right."""
        lease = self.api.objects[LEASES.plural][NAME]
        self.api.put(LEASES, {**lease, "spec": {**lease["spec"], "holderIdentity": "other"}})

    @property
    def leaders(self) -> list[str]:
        """Who thinks that it is the one."""
        return [name for name, election in self.elections.items() if election.leading]

    @property
    def spec(self) -> Json:
        """The Lease as stored."""
        spec: Json = self.api.objects[LEASES.plural][NAME]["spec"]
        return spec


async def leading() -> tuple[Candidates, Election]:
    """Give the candidates, of whom the first leads."""
    candidates = Candidates()
    first = candidates.election("first")
    await first.campaign()
    return candidates, first


async def takeover_seconds(*, graceful: bool, after: float) -> float:
    """Let the first lead for a while and end, and measure until the second leads."""
    candidates, first = await leading()
    second = candidates.election("second")
    holding = asyncio.create_task(first.hold())
    campaign = asyncio.create_task(second.campaign())
    await asyncio.sleep(after)
    assert candidates.leaders == ["first"]
    holding.cancel()
    if graceful:
        await first.release()
    else:
        first.leading = False
    began = candidates.loop.time()
    await campaign
    assert candidates.leaders == ["second"]
    assert candidates.spec["leaseTransitions"] == 1
    return candidates.loop.time() - began


def test_the_first_takes_the_lease_at_once() -> None:
    """Where there is no Lease yet it is created, and says who holds it and for how long."""

    async def play() -> None:
        candidates, _ = await leading()
        assert candidates.loop.time() == 0
        assert candidates.spec["holderIdentity"] == "first"
        assert candidates.spec["leaseDurationSeconds"] == 15
        assert candidates.spec["leaseTransitions"] == 0

    run_virtually(play())


@settings(deadline=None)
@given(st.floats(min_value=0.1, max_value=60))
def test_a_released_lease_is_taken_within_four_seconds(after: float) -> None:
    """Whenever the first one stops: the others look every two seconds or so."""
    assert run_virtually(takeover_seconds(graceful=True, after=after)) <= 4


@settings(deadline=None)
@given(st.floats(min_value=0.1, max_value=60))
def test_the_lease_of_a_killed_one_is_taken_within_twenty_seconds(after: float) -> None:
    """It ends fifteen seconds after its last renewal was seen, and is then taken at once."""
    assert 10 < run_virtually(takeover_seconds(graceful=False, after=after)) <= 20


def test_who_cannot_renew_ends_before_another_may_begin() -> None:
    """After ten seconds without an answer, while the others must wait for fifteen."""

    async def play() -> None:
        candidates, first = await leading()
        candidates.fates["first"] = lambda _: REFUSED
        with pytest.raises(LeaseLost, match="not renewed for 10 s"):
            await first.hold()
        assert candidates.loop.time() == pytest.approx(10)

    run_virtually(play())


def test_an_api_server_that_does_not_answer_holds_nobody_up() -> None:
    """A request has its time limit; the deadline is kept although no answer ever comes."""

    async def play() -> None:
        candidates = Candidates()
        stuck = asyncio.Event()

        async def depart() -> None:
            if stuck.is_set():
                await asyncio.sleep(3600)

        first = candidates.election("first", depart)
        await first.campaign()
        stuck.set()
        with pytest.raises(LeaseLost):
            await first.hold()
        assert candidates.loop.time() <= 10.01

    run_virtually(play())


def test_a_lease_that_another_one_holds_is_lost_at_once() -> None:
    """Somebody took it, by hand or by right: there is nothing to wait for."""

    async def play() -> None:
        candidates, first = await leading()
        candidates.be_taken()
        with pytest.raises(LeaseLost, match="other holds it"):
            await first.hold()
        assert candidates.loop.time() == 2

    run_virtually(play())


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_renewal_whose_answer_was_lost_is_no_loss(lost: int) -> None:
    """The next one meets its own write, and goes on."""

    async def play() -> None:
        candidates, first = await leading()
        fates = [LOST] * lost
        candidates.fates["first"] = lambda _: fates.pop() if fates else None
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await first.hold()
        assert candidates.leaders == ["first"]
        assert candidates.spec["leaseTransitions"] == 0

    run_virtually(play())


def test_a_deleted_lease_is_made_again() -> None:
    """Whoever removes it changes nothing about who is active."""

    async def play() -> None:
        candidates, first = await leading()
        candidates.api.remove(LEASES, candidates.api.objects[LEASES.plural][NAME])
        with suppress(TimeoutError):
            async with asyncio.timeout(3):
                await first.hold()
        assert candidates.spec["holderIdentity"] == "first"

    run_virtually(play())


def test_a_lease_that_was_taken_over_is_not_given_back() -> None:
    """Who stops late must not end the time of the next one."""

    async def play() -> None:
        candidates, first = await leading()
        candidates.be_taken()
        await first.release()
        assert candidates.spec["holderIdentity"] == "other"

    run_virtually(play())


@pytest.mark.parametrize("timings", [(15, 15, 2), (15, 10, 10), (15, 10, 0), (2, 10, 2)])
def test_times_that_cannot_keep_the_promise_are_refused(timings: tuple[int, float, float]) -> None:
    """The retry period below the renew deadline below the duration, or nothing."""
    with pytest.raises(ValueError, match="must be shorter than its renew deadline"):
        LeaseTimings(*timings)


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_two_never_lead_at_the_same_time(data: st.DataObject) -> None:
    """Whatever becomes of their requests: refused, done without an answer, or slow."""

    async def play() -> None:
        candidates = Candidates()
        fates = st.sampled_from([None, None, None, REFUSED, LOST])
        delays = st.sampled_from([0.0, 0.0, 0.3, 1.0, 5.0])

        async def depart() -> None:
            await asyncio.sleep(data.draw(delays))
            assert len(candidates.leaders) <= 1

        async def compete(name: str) -> None:
            while True:
                election = candidates.election(name, depart, lambda: data.draw(st.floats(0, 1)))
                candidates.fates[name] = lambda _: data.draw(fates)
                await election.campaign()
                with suppress(LeaseLost, TimeoutError):
                    async with asyncio.timeout(data.draw(st.floats(1, 40))):
                        await election.hold()
                if data.draw(st.booleans()):
                    await election.release()
                election.leading = False

        with suppress(TimeoutError):
            async with asyncio.timeout(90):
                await asyncio.gather(*(compete(name) for name in ("a", "b", "c")))

    run_virtually(play())
