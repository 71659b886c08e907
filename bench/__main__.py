"""``python3 -m bench``: take the figures, hold them to their limits."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import cluster, engine, operator
from bench.figures import report
from hack.demo.errors import DemoError

_PARTS: Final = ("engine", "operator", "cluster")


def main() -> int:
    """Measure, print, and give 0 if every limit is kept."""
    arguments = _arguments()
    os.chdir(Path(__file__).parents[1])
    takes = {
        "engine": lambda: engine.take(
            arguments.postgres, arguments.rounds, only=arguments.only, scale=arguments.scale
        ),
        "operator": lambda: operator.take(arguments.scale, only=arguments.only),
        "cluster": lambda: cluster.take(arguments.runs),
    }
    try:
        figures = [figure for part in arguments.part or _PARTS for figure in takes[part]()]
    except (DemoError, TimeoutError):
        return 1
    if arguments.json:
        print(json.dumps([asdict(figure) | {"met": figure.met} for figure in figures], indent=2))
    else:
        print(report(figures))
    return 0 if all(figure.met for figure in figures) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m bench", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*_PARTS, []], help="default: all of them")
    parser.add_argument("--runs", type=int, default=20, help="cluster: how many migrations")
    parser.add_argument("--rounds", type=int, default=5, help="engine: how many pairs of each")
    parser.add_argument("--postgres", default="15", help="engine: version of the server")
    parser.add_argument(
        "--only",
        choices=[*engine.NAMES, *operator.NAMES],
        help="engine and operator: one figure of the part alone",
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="size of the work, to try the bench out"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if arguments.only and arguments.part != [_part_of(arguments.only)]:
        parser.error(f"--only {arguments.only}: name its part, {_part_of(arguments.only)}, alone")
    return arguments


def _part_of(figure: str) -> str:
    return "engine" if figure in engine.NAMES else "operator"


if __name__ == "__main__":
    sys.exit(main())
