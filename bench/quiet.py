"""Nothing to do: the whole process, with a short history and a long one."""

import sys
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Figure, spread
from bench.ground import Ground, write_files
from bench.process import MESHMIGRATE, measure

_SHORT: Final = 100
_LONG: Final = 10_000

# A log as that of many runs; the chain of hashes is not looked at when there is nothing to do.
_FILL_LOG: Final = """
INSERT INTO meshmigrate.log (id, at, run_id, event, previous_hash, hash)
SELECT h.last_id + n, now(), r.id, 'Applied', '', ''
FROM meshmigrate.log_head AS h, meshmigrate.run AS r, generate_series(1, 10000) AS n
"""


def nothing_pending(ground: Ground, root: Path, rounds: int, scale: float) -> list[Figure]:
    """Run ``apply`` where everything is applied, on histories of 100 and 10,000 versions."""
    short, long = round(_SHORT * scale), round(_LONG * scale)
    folders = {number: write_files(root, number)[0] for number in (short, long)}
    seconds: dict[str, list[float]] = {"short": [], "logged": [], "long": [], "python": []}
    few, logged, many = (ground.new_database() for _ in range(3))
    cases = {"short": (few, short), "logged": (logged, short), "long": (many, long)}
    for database, number in cases.values():
        ground.apply(database, folders[number])
    with ground.connect(logged) as connection:
        connection.execute(_FILL_LOG)
    for index in range(2 * rounds):
        for case in sorted(cases, reverse=bool(index % 2)):
            database, number = cases[case]
            seconds[case].append(ground.apply(database, folders[number]).seconds)
        seconds["python"].append(measure((*MESHMIGRATE, "--help")).seconds)
    first = median(seconds["short"])
    ratio = median(b / a for a, b in zip(seconds["short"], seconds["logged"], strict=True))
    rows = "rows in the history"
    return [
        Figure(
            f"Nothing pending, {short} {rows}",
            first,
            "s",
            f"the whole process; median of {2 * rounds} ({spread(seconds['short'])}); of it"
            f" {median(seconds['python']):.2f} s for Python {sys.version.split()[0]} and --help",
            limit=0.30,
        ),
        Figure(
            f"  with {_LONG} rows in the log",
            ratio,
            "times",
            f"beside the same without, median of pairs ({spread(seconds['logged'])} s)",
            limit=1.3,
        ),
        Figure(
            f"  with {long} files and {rows}",
            median(b / a for a, b in zip(seconds["short"], seconds["long"], strict=True)),
            "times",
            f"the same; {median(seconds['long']):.2f} s ({spread(seconds['long'])} s): each of"
            " the files is read and its checksum compared",
            limit=1.3,
        ),
    ]
