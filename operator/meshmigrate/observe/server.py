"""The HTTP server for probes and metrics."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer to a probe: whether all is well, and one line on why or why not."""

    ok: bool
    reason: str


@asynccontextmanager
async def serve(
    *,
    host: str,
    port: int,
    registry: CollectorRegistry,
    healthy: Callable[[], Probe],
    ready: Callable[[], Probe],
) -> AsyncIterator[int]:
    """Serve ``/metrics``, ``/healthz`` and ``/readyz`` while the block runs; give the port."""

    async def show_metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    async def show_health(_: web.Request) -> web.Response:
        return _answer(healthy())

    async def show_readiness(_: web.Request) -> web.Response:
        return _answer(ready())

    app = web.Application()
    app.router.add_get("/metrics", show_metrics)
    app.router.add_get("/healthz", show_health)
    app.router.add_get("/readyz", show_readiness)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _answer(probe: Probe) -> web.Response:
    return web.Response(text=f"{probe.reason}\n", status=200 if probe.ok else 503)
