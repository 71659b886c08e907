"""The webhook against real HTTP servers: which take it, refuse it, hang or ask for a pause."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import pytest
from aiohttp import web

from meshmigrate.observe.notifications.channels import Webhook
from meshmigrate.observe.notifications.delivery import NotDelivered, Told
from meshmigrate.observe.notifications.webhook import pause_asked_for, post_event
from tests.unit.observe.notifications.examples import ID, RUN, notice

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ONE: Told = [(ID, notice())]


@asynccontextmanager
async def receiver(handle: Handler) -> AsyncIterator[str]:
    """Serve while the block runs; give the URL."""
    app = web.Application()
    app.router.add_route("*", "/hook/canary-path", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook/canary-path"
    finally:
        await runner.cleanup()


def post(handle: Handler, told: Told = ONE, *, seconds: float = 15) -> None:
    """Post to a receiver that does this."""

    async def story() -> None:
        async with receiver(handle) as url:
            webhook = Webhook(url=url, headers={"Authorization": "Bearer canary-token"})
            await post_event(webhook, told, seconds=seconds)

    asyncio.run(story())


def answering(status: int, **headers: str) -> Handler:
    """Answer so."""

    async def handle(_: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, headers=named)

    return handle


def test_a_notice_is_a_cloud_event_in_structured_mode() -> None:
    """With the attributes that CloudEvents 1.0 requires, and the headers of the channel."""
    seen: list[tuple[str, str, bytes]] = []

    async def handle(request: web.Request) -> web.Response:
        headers = request.headers
        seen.append((headers["Content-Type"], headers["Authorization"], await request.read()))
        return web.Response(status=202)

    post(handle)
    ((content_type, authorization, body),) = seen
    assert content_type == "application/cloudevents+json; charset=utf-8"
    assert authorization == "Bearer canary-token"
    event = json.loads(body)
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": ID,
        "type": "dev.meshhook.migrations.RolledBack",
        "source": "/apis/migrations.meshhook.dev/v1alpha1/namespaces/shop/databasemigrations/web",
        "subject": "shop/web",
        "time": "2026-01-02T03:04:08Z",
        "datacontenttype": "application/json",
    }
    assert (data["outcome"], data["severity"], data["runId"]) == ("RolledBack", "error", RUN)
    assert data["title"].startswith("[RolledBack] shop/web")
    assert "Database: app" in data["text"]


def test_many_notices_are_one_event_that_has_them_all_by_id() -> None:
    """So that a program loses none of them; the same ones again have the same id."""
    bodies: list[bytes] = []

    async def handle(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.Response()

    many = [(str(UUID(int=number)), notice(name=f"n{number}")) for number in range(500)]
    post(handle, many)
    post(handle, many)
    assert bodies[0] == bodies[1]
    event = json.loads(bodies[0])
    assert event["type"] == "dev.meshhook.migrations.Many"
    assert event["data"]["count"] == 500
    assert [each["id"] for each in event["data"]["notices"]] == [name for name, _ in many]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_any_success_means_that_it_has_arrived(status: int) -> None:
    """Receivers differ."""
    post(answering(status))


@pytest.mark.parametrize("status", [302, 307, 400, 401, 404, 429, 500, 503])
def test_any_other_answer_means_that_it_has_not(status: int) -> None:
    """A redirect is not followed: it could lead the credentials elsewhere."""
    with pytest.raises(NotDelivered, match=f"^the webhook answered {status}$"):
        post(answering(status, Location="https://elsewhere.example.com"))


def test_a_receiver_can_ask_for_a_pause() -> None:
    """By Retry-After, with 429 as with 503."""
    with pytest.raises(NotDelivered) as refused:
        post(answering(429, Retry_After="120"))
    assert refused.value.retry_after == 120


def test_a_receiver_that_hangs_is_left_after_its_time() -> None:
    """The message says how long that was."""

    async def hang(_: web.Request) -> web.Response:
        await asyncio.sleep(2)
        return web.Response()

    with pytest.raises(NotDelivered, match="did not answer within 0 s"):
        post(hang, seconds=0.2)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/canary", "http://canary.invalid/canary"])
def test_one_that_is_not_there_is_not_named(url: str) -> None:
    """An address may hold a token: the kind of failure has to do."""
    with pytest.raises(NotDelivered, match="was not reached") as refused:
        asyncio.run(post_event(Webhook(url=url), ONE))
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("90", 90),
        ("9" * 12, 3600),
        ("-5", 0),
        ("soon", 0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Fri, 02 Jan 2026 03:00:00 GMT", 0),
    ],
)
def test_a_pause_is_seconds_or_a_date(said: str, seconds: float) -> None:
    """An hour at most; nonsense is none."""
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert pause_asked_for({"Retry-After": said}, now) == seconds
