"""The watches of the figures at size: they go on where the API server ends one, or fail loudly."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, NoReturn

import pytest
from aiohttp import ClientPayloadError, ClientSession, web

from bench.cluster_client import ClusterClient, Json
from bench.crowd import crowd
from bench.kubelet import kubelet
from meshmigrate.controller import names

JOBS = "/apis/batch/v1/namespaces/team/jobs"
RUN = (
    '{"apiVersion":1,"run":{"id":"6f2a0b0e-0d6c-5b7e-9a35-1f0f5c6d7e8f"},'
    '"folders":{"migrations":["/m"]}}'
)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Api:
    """An API server that answers a path's GETs by its script; a watch beyond it shows nothing."""

    def __init__(self, **scripts: list[Answer]) -> None:
        self.scripts = scripts
        self.asked: list[str] = []
        self.silent = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Do what the script says; what is not read is accepted."""
        self.asked.append(f"{request.method} {request.path_qs}")
        if request.method != "GET":
            return web.json_response({})
        script = self.scripts.get(request.path.rpartition("/")[2], [])
        if script:
            return await script.pop(0)(request)
        self.silent.set()
        return await forever()


async def forever() -> NoReturn:
    """Wait until somebody cancels it."""
    while True:
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def client_of(api: Api) -> AsyncIterator[ClusterClient]:
    """Serve while the block runs."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as session:
            yield ClusterClient(session)
    finally:
        await runner.cleanup()


def thing(name: str, version: int) -> Json:
    """Give an object."""
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


def listing(version: int, *items: Json) -> Answer:
    """Answer a list."""
    body = {"metadata": {"resourceVersion": str(version)}, "items": items}

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body)

    return answer


def refusing(status: int) -> Answer:
    """Answer with a failure."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(failure(status), status=status)

    return answer


def failure(status: int) -> Json:
    """Give an object of kind Status."""
    return {"kind": "Status", "metadata": {}, "code": status, "message": "canary"}


def watching(*events: tuple[str, Mapping[str, Any]], cut: bool = False) -> Answer:
    """Answer a watch with events, and end it, or the connection in its middle."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for kind, body in events:
            await response.write(json.dumps({"type": kind, "object": body}).encode() + b"\n")
        if cut:
            assert request.transport is not None
            request.transport.close()
        return response

    return answer


def watched(api: Api, number: int) -> list[tuple[str, str]]:
    """Give the first events of a watch: their types, and names of objects."""

    async def story() -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []
        async with client_of(api) as cluster, aclosing(cluster.watch(JOBS)) as events:
            async for event in events:
                seen.append((event["type"], event["object"]["metadata"]["name"]))
                if len(seen) == number:
                    break
        return seen

    return asyncio.run(story())


def test_a_watch_goes_on_where_the_api_server_ended_it() -> None:
    """What is there comes first; each end is followed by a watch from the version seen last."""
    api = Api(
        jobs=[
            listing(5, thing("one", 3)),
            watching(("ADDED", thing("two", 7)), ("MODIFIED", thing("one", 8))),
            watching(),
            watching(("DELETED", thing("one", 9))),
        ]
    )
    assert watched(api, 4) == [
        ("ADDED", "one"),
        ("ADDED", "two"),
        ("MODIFIED", "one"),
        ("DELETED", "one"),
    ]
    assert api.asked == [
        f"GET {JOBS}",
        *(f"GET {JOBS}?watch=1&resourceVersion={version}" for version in (5, 8, 8)),
    ]


@pytest.mark.parametrize("gone", [refusing(410), watching(("ERROR", failure(410)))])
def test_what_the_api_server_has_forgotten_is_listed_again(gone: Answer) -> None:
    """Whether it says so at once (410 Gone) or as an event of the watch."""
    api = Api(
        jobs=[
            listing(5),
            gone,
            listing(90, thing("one", 70)),
            watching(("ADDED", thing("two", 91))),
        ]
    )
    assert watched(api, 2) == [("ADDED", "one"), ("ADDED", "two")]
    assert api.asked[2:] == [f"GET {JOBS}", f"GET {JOBS}?watch=1&resourceVersion=90"]


@pytest.mark.parametrize(
    "failed",
    [
        [refusing(403)],
        [listing(5), refusing(403)],
        [listing(5), watching(("ERROR", failure(500)))],
    ],
)
def test_a_watch_does_not_outlive_another_error(failed: list[Answer]) -> None:
    """A list or a watch that is refused, and an error as an event, are raised as they were told."""
    with pytest.raises(RuntimeError, match=f"{JOBS}: .*canary"):
        watched(Api(jobs=list(failed)), 1)


def test_a_connection_that_is_cut_is_no_end_of_a_watch() -> None:
    """The API server ends a watch in order; all else is raised."""
    with pytest.raises(ClientPayloadError):
        watched(Api(jobs=[listing(5), watching(cut=True)]), 1)


def test_a_job_that_is_listed_again_runs_once() -> None:
    """The stand-in kubelet tells Jobs apart by their uid."""
    job = thing("run", 3)
    job["metadata"]["namespace"] = "team"
    described = {"labels": {}, "annotations": {names.RUN_SPEC_ANNOTATION: RUN}}
    job["spec"] = {"template": {"metadata": described, "spec": {}}}

    async def story() -> Api:
        api = Api(jobs=[listing(5, job), refusing(410), listing(90, job)])
        async with client_of(api) as cluster, kubelet(cluster, "team", seconds=0):
            await api.silent.wait()
        return api

    api = asyncio.run(story())
    assert api.asked.count("POST /api/v1/namespaces/team/pods") == 1
    assert api.asked.count(f"PATCH {JOBS}/run/status") == 1


@pytest.mark.parametrize("collection", ["jobs", names.PLURAL])
def test_a_take_fails_with_the_watch_that_it_needs(collection: str) -> None:
    """It waits no longer for what nobody would see."""

    async def story() -> None:
        scripts = {name: [listing(5)] for name in ("jobs", names.PLURAL)}
        scripts[collection].append(watching(("ERROR", failure(500))))
        async with client_of(Api(**scripts)) as cluster, crowd(cluster, "team") as here:
            await here.until("success", lambda: False)

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="canary")):
        asyncio.run(story())


def test_a_take_fails_with_the_stand_in_kubelet() -> None:
    """It waits no longer for Jobs that nobody would run."""

    async def story() -> None:
        api = Api(jobs=[listing(5), refusing(500)])
        async with client_of(api) as cluster, kubelet(cluster, "team"):
            await forever()

    with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="canary")):
        asyncio.run(story())
