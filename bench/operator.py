"""The figures of the operator at size: a process of this machine beside a real API server.

Without a node: a stand-in completes the pods. So many resources fit on a laptop, and nothing but
the operator, the API server and the stand-in takes time.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.cluster_client import ClusterClient, connected
from bench.crowd import Crowd, crowd
from bench.figures import Figure, percentile, spread
from bench.kubelet import kubelet
from bench.operator_process import OperatorProcess, running_operator
from hack.cluster.build import ensure_tools
from hack.cluster.control_plane import control_plane
from hack.cluster.paths import CHECKOUT, cache_from
from hack.cluster.processes import wait_until
from meshmigrate.controller import names

_MANY: Final = 1_000
_FINISHED: Final = 20_000
_ONE_BY_ONE: Final = 50
_SCRAPES: Final = 5
_IDLE_SECONDS: Final = 60.0
_SETTLED_SECONDS: Final = 3.0
_SERVED_SECONDS: Final = 30.0
_LEASE: Final = ("--lease", "default/meshmigrate")


NAMES: Final = ("one-by-one", "at-once", "finished")


def take(scale: float, *, only: str | None) -> list[Figure]:
    """Take the figures, naming each on the way; at scale 1 with as many as the docs name.

    Raises
    ------
    TimeoutError
        If the operator is not ready, or does not bring a resource to its end.
    """
    wanted = (only,) if only else NAMES
    try:
        with _api_server() as (kubeconfig, folder):
            return asyncio.run(_take(kubeconfig, folder, scale, wanted))
    except TimeoutError as error:
        print(error, file=sys.stderr)
        raise


async def _take(
    kubeconfig: Path, folder: Path, scale: float, wanted: Sequence[str]
) -> list[Figure]:
    async with connected(kubeconfig) as cluster:
        bench = _Bench(cluster, kubeconfig, folder)
        parts = {
            "one-by-one": (bench.one_by_one, _ONE_BY_ONE),
            "at-once": (bench.at_once, _MANY),
            "finished": (bench.finished, _FINISHED),
        }
        figures: list[Figure] = []
        for name in wanted:
            part, number = parts[name]
            count = max(1, round(number * scale))
            print(f"taking {name}, {count} resources ...", file=sys.stderr)
            figures += await part(count)
        return figures


class _Bench:
    """What the parts share: an API server, and a folder for logs."""

    def __init__(self, cluster: ClusterClient, kubeconfig: Path, folder: Path) -> None:
        self._cluster = cluster
        self._kubeconfig = kubeconfig
        self._folder = folder

    async def one_by_one(self, count: int) -> list[Figure]:
        """Take the time from a resource's being seen to its Job's, with nothing else to do."""
        async with crowd(self._cluster, "one-by-one") as here:
            with self._operator(here) as operator:
                async with kubelet(self._cluster, here.namespace):
                    await asyncio.to_thread(operator.wait_ready)
                    for number in range(count):
                        await here.make([f"run-{number}"])
                        await here.until("success", here.all_succeeded)
        waits = [here.jobs[name] - here.created[name] for name in here.created]
        return [
            Figure(
                "Event to Job created, p95",
                percentile(waits, 95),
                "s",
                f"{count} resources one after the other, both seen by a watch ({spread(waits)} s)",
                limit=0.25,
            )
        ]

    async def at_once(self, count: int) -> list[Figure]:
        """Apply many resources, each with a database of its own, and bring them to their end."""
        async with crowd(self._cluster, "at-once") as here:
            with self._operator(here) as operator:
                async with kubelet(self._cluster, here.namespace):
                    await asyncio.to_thread(operator.wait_ready)
                    before, began = operator.processor(), time.monotonic()
                    await here.make(f"run-{number}" for number in range(count))
                    jobs = await here.until("Jobs", lambda: len(here.jobs) == count) - began
                    until_jobs = operator.processor() - before
                    ended = await here.until("success", here.all_succeeded) - began
                    await asyncio.sleep(_SETTLED_SECONDS)
                    used = operator.processor() - before
                    writes, conflicts, events = await asyncio.gather(
                        asyncio.to_thread(operator.writes),
                        asyncio.to_thread(operator.conflicts),
                        here.count_events(),
                    )
                    memory = operator.mebibytes()
        return [
            Figure(
                f"{count} resources at once: all Jobs created",
                jobs,
                "s",
                f"{until_jobs:.1f} s of processor time; all succeeded after {ended:.1f} s and"
                f" {used:.1f} s",
                limit=30,
            ),
            Figure("  memory", memory, "MiB", "VmHWM of its process", limit=150),
            Figure(
                "  writes for each",
                (writes - events) / count,
                "",
                "to the resource, its status and its Job, by the operator's own count",
                limit=8,
            ),
            Figure("  events for each", events / count, "", "written besides"),
            Figure(
                "  conflicts",
                conflicts,
                "",
                "answers 409; none is left unresolved, as every resource has succeeded",
            ),
        ]

    async def finished(self, count: int) -> list[Figure]:
        """Start an operator where there are many resources with nothing to do."""
        async with crowd(self._cluster, "finished") as here:
            with self._operator(here):
                async with kubelet(self._cluster, here.namespace):
                    await here.make(["first"])
                    await here.until("success", here.all_succeeded)
                    await asyncio.sleep(_SETTLED_SECONDS)
            await here.make_finished((f"run-{number}" for number in range(count)), like="first")
        return await asyncio.to_thread(self._restart, here, count)

    def _restart(self, here: Crowd, count: int) -> list[Figure]:
        with self._operator(here) as operator:
            ready = operator.wait_ready()
            used = operator.processor()
            while operator.queue_depth():
                time.sleep(0.1)
            time.sleep(_SETTLED_SECONDS)
            memory, writes = operator.mebibytes(), operator.writes()
            scrapes = [operator.scrape() for _ in range(_SCRAPES)]
        with self._operator(here, *_LEASE) as operator:
            operator.wait_ready()
            time.sleep(_SETTLED_SECONDS)
            before, began = operator.processor(), time.monotonic()
            time.sleep(_IDLE_SECONDS)
            idle = (operator.processor() - before) / (time.monotonic() - began)
            end = operator.stop()
        return [
            Figure(
                f"Restart with {count} finished resources: ready",
                ready,
                "s",
                f"from the process's start; {used:.1f} s of processor time",
                limit=15,
            ),
            Figure("  memory", memory, "MiB", "VmHWM of its process", limit=256),
            Figure("  writes", writes, "", "until all had been looked at", limit=0),
            Figure(
                "  one scrape",
                max(scrapes),
                "s",
                f"the slowest of {_SCRAPES} ({spread(scrapes)} s)",
                limit=0.2,
            ),
            Figure(
                "  idle",
                100 * idle,
                "% of a core",
                f"over {_IDLE_SECONDS:.0f} s, renewing its Lease",
                limit=0.5,
            ),
            Figure("  end", end, "s", "from SIGTERM to the process's end", limit=2),
        ]

    @contextmanager
    def _operator(self, here: Crowd, *options: str) -> Iterator[OperatorProcess]:
        only = ("--namespace", here.namespace)
        with running_operator(self._kubeconfig, self._folder, *only, *options) as operator:
            yield operator


@contextmanager
def _api_server() -> Iterator[tuple[Path, Path]]:
    """Run one that knows the kind; give its kubeconfig, and a folder."""
    cache = cache_from()
    ensure_tools(cache)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="meshmigrate-bench-")))
        kubeconfig = stack.enter_context(control_plane(cache, folder))
        kubectl = (str(cache.bin / "kubectl"), "--kubeconfig", str(kubeconfig))
        definition = str(CHECKOUT / "crds" / "databasemigrations.yaml")
        for verb in (("apply",), ("wait", "--for=condition=Established")):
            subprocess.run(
                (*kubectl, *verb, "-f", definition), check=True, stdout=subprocess.DEVNULL
            )
        served = (*kubectl, "get", names.PLURAL)  # a moment after it is established
        if not wait_until(
            lambda: not subprocess.run(served, check=False, capture_output=True).returncode,
            seconds=_SERVED_SECONDS,
        ):
            raise TimeoutError(f"the API server does not serve {names.PLURAL}")
        yield kubeconfig, folder
