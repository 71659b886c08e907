"""What the proof costs a run of many files: the time of its fingerprints beside the rest of it."""

import sys
from pathlib import Path
from statistics import median
from typing import Final

from msgspec import json

from bench.figures import Figure, spread
from bench.ground import Ground, write_files
from meshmigrate.domain.result import Result

_TIMED: Final = """
import atexit, time
from meshmigrate.cli.main import main
from meshmigrate.engine.fingerprint import catalog

seconds = []

def timed(work):
    def call(*arguments):
        began = time.monotonic()
        try:
            return work(*arguments)
        finally:
            seconds.append(time.monotonic() - began)
    return call

catalog.take, catalog.keep = timed(catalog.take), timed(catalog.keep)
atexit.register(lambda: print(sum(seconds)))
main()
"""
"""The command, which at its end tells how long it has taken and stored fingerprints.

A second run without them would tell less: they take less than what two runs differ by.
"""


def proof(ground: Ground, root: Path, rounds: int, scale: float) -> list[Figure]:
    """Apply 1,000 files, and tell the time of the fingerprints from that of the rest."""
    number = round(1000 * scale)
    folder, _ = write_files(root / "proof", number)
    shares, seconds = [], []
    for _ in range(rounds):
        done = ground.apply(ground.new_database(), folder, (sys.executable, "-c", _TIMED))
        result, took = done.output.splitlines()
        seconds.append(float(took))
        run = json.decode(result, type=Result).duration_seconds
        shares.append(100 * seconds[-1] / (run - seconds[-1]))
    return [
        Figure(
            f"{number} files, time for the proof",
            median(shares),
            "%",
            f"of the run without it, median of {rounds} ({spread(shares)}); the fingerprints take"
            f" {median(seconds):.3f} s, their keeping included",
            limit=3,
        )
    ]
