"""The figures of the operator, on the local cluster."""

import sys
from typing import Final

from bench.api import proxied
from bench.figures import Figure
from bench.latency import measure
from bench.load import api_writes, resident_mebibytes
from bench.stage import NAMESPACE, prepare
from bench.summary import latency, load
from bench.together import together
from hack.demo.errors import DemoError
from hack.demo.evidence import SECRETS
from hack.demo.setting import build_images, install_operator, start_cluster
from hack.demo.shell import Shell
from hack.demo.terminal import Terminal

_AT_ONCE: Final = 50


def take(count: int) -> list[Figure]:
    """Measure on the cluster.

    Raises
    ------
    DemoError
        If the cluster, or somebody on it, is in the way.
    TimeoutError
        If a migration or a bare Job does not end.
    """
    terminal = Terminal(sys.stderr, secrets=SECRETS)
    try:
        return _take(Shell(terminal), count)
    except (DemoError, TimeoutError) as error:
        terminal.bad(str(error))
        terminal.note(f"Namespace {NAMESPACE} is left as it is, to look at.")
        raise


def _take(shell: Shell, count: int) -> list[Figure]:
    """Set the stage, take every figure, and leave the cluster without the bench's namespace."""
    start_cluster(shell)
    build_images(shell)
    install_operator(shell)
    runs = [f"run-{number:02}" for number in range(1, count + 1)]
    at_once, by_hand = (
        [f"{name}-{number:02}" for number in range(1, _AT_ONCE + 1)]
        for name in ("at-once", "by-hand")
    )
    with proxied(shell.env) as api:
        prepare(shell, api, [*runs, *at_once, *by_hand])
        idle = resident_mebibytes(shell)
        before = api_writes(api)
        rounds = measure(shell, api, runs)
        writes = api_writes(api).since(before)
        afterwards = resident_mebibytes(shell)
        side_by_side = together(shell, api, at_once, by_hand)
    if writes.created != count:
        raise DemoError("somebody else migrates on this cluster: the figures would be theirs too")
    shell.run(f"kubectl delete namespace {NAMESPACE} --wait=false")
    return [
        *latency(rounds),
        *load(written=writes.all, runs=count, idle=idle, afterwards=afterwards),
        *side_by_side,
    ]
