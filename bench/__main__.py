"""``python3 -m bench``: take the figures on the local cluster, hold them to their limits."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from bench.api import proxied
from bench.figures import Figure, report
from bench.latency import measure
from bench.load import api_writes, resident_mebibytes
from bench.stage import NAMESPACE, prepare
from bench.summary import latency, load
from hack.demo.errors import DemoError
from hack.demo.evidence import SECRETS
from hack.demo.setting import build_images, install_operator, start_cluster
from hack.demo.shell import Shell
from hack.demo.terminal import Terminal


def main() -> int:
    """Measure, print, and give 0 if every limit is kept."""
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="how many migrations (default: 20)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    os.chdir(Path(__file__).parents[1])
    terminal = Terminal(sys.stderr, secrets=SECRETS)
    try:
        figures = take(Shell(terminal), arguments.runs)
    except (DemoError, TimeoutError) as error:
        terminal.bad(str(error))
        terminal.note(f"Namespace {NAMESPACE} is left as it is, to look at.")
        return 1
    if arguments.json:
        print(json.dumps([asdict(figure) | {"met": figure.met} for figure in figures], indent=2))
    else:
        print(report(figures))
    return 0 if all(figure.met for figure in figures) else 1


def take(shell: Shell, count: int) -> list[Figure]:
    """Set the stage, take every figure, and leave the cluster without the bench's namespace."""
    start_cluster(shell)
    build_images(shell)
    install_operator(shell)
    runs = [f"run-{number:02}" for number in range(1, count + 1)]
    with proxied(shell.env) as api:
        prepare(shell, api, runs)
        idle = resident_mebibytes(shell)
        before = api_writes(api)
        rounds = measure(shell, api, runs)
        writes = api_writes(api).since(before)
        afterwards = resident_mebibytes(shell)
    if writes.created != count:
        raise DemoError("somebody else migrates on this cluster: the figures would be theirs too")
    shell.run(f"kubectl delete namespace {NAMESPACE} --wait=false")
    return [
        *latency(rounds),
        *load(written=writes.all, runs=count, idle=idle, afterwards=afterwards),
    ]


if __name__ == "__main__":
    sys.exit(main())
