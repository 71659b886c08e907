"""The HTTP server for probes and metrics."""

import asyncio

import aiohttp
from prometheus_client import CollectorRegistry, Gauge

from meshmigrate.observe.server import Probe, serve


def test_metrics_and_probes_are_served() -> None:
    """200 when all is well, 503 with the reason when not, metrics as text."""
    registry = CollectorRegistry()
    Gauge("answer", "It.", registry=registry).set(42)

    async def ask() -> dict[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] = {}
        async with (
            serve(
                host="127.0.0.1",
                port=0,
                registry=registry,
                healthy=lambda: Probe(ok=True, reason="ok"),
                ready=lambda: Probe(ok=False, reason="not yet"),
            ) as port,
            aiohttp.ClientSession() as session,
        ):
            for path in ("metrics", "healthz", "readyz"):
                async with session.get(f"http://127.0.0.1:{port}/{path}") as response:
                    found[path] = (response.status, await response.text())
        return found

    found = asyncio.run(ask())
    assert found["metrics"][0] == 200
    assert "answer 42.0" in found["metrics"][1]
    assert found["healthz"] == (200, "ok\n")
    assert found["readyz"] == (503, "not yet\n")
