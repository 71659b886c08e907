"""Many small files, and one large one: how long they take beside psql, and the memory."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Figure, spread
from bench.ground import NO_SETTINGS, SLOW_FLUSH, Ground, write_files
from bench.process import Finished, measure

_IMPORTS: Final = (
    "import meshmigrate.cli.apply, meshmigrate.cli.start, meshmigrate.cli.output,"
    " meshmigrate.sql.prepare"
)
_ROW: Final = (
    "INSERT INTO big (id, name, note) VALUES ({n}, 'name of row {n}',"
    " 'a note that makes the row as long as rows tend to be: {m}');\n"
)


def many_files(ground: Ground, root: Path, rounds: int, scale: float) -> list[Figure]:
    """Apply 1,000 files as the command does by itself, with one transaction for all of them.

    psql does the same with a transaction and a row for each.
    """
    number = round(1000 * scale)
    folder, script = write_files(root, number)
    ours, peers = _pairs(ground, folder, script, rounds, mode="Auto")
    startups = [measure((sys.executable, "-c", _IMPORTS)) for _ in range(rounds)]
    startup = median(one.seconds for one in startups)
    work = median(one.processor for one in startups)
    pairs = list(zip(ours, peers, strict=True))
    works = [(one.processor - work) / peer.processor for one, peer in pairs]
    return [
        _beside_psql(f"{number} files, beside psql", ours, peers, startup, limit=1.15),
        Figure(
            "  by processor time",
            median(works),
            "times",
            f"the same ({spread(works)}), of the process and its session in the server; ours"
            f" {median(one.processor for one in ours):.2f} s, psql"
            f" {median(peer.processor for peer in peers):.2f} s",
        ),
        _beside_psql(
            "  a transaction for each file",
            *_pairs(ground, folder, script, rounds, mode="PerFile"),
            startup,
        ),
        _beside_psql(
            "  the same with a flush of 1 ms",
            *_pairs(ground, folder, script, rounds, mode="PerFile", settings=SLOW_FLUSH),
            startup,
        ),
        _memory(f"{number} files, memory", ours, limit=80),
    ]


def _beside_psql(
    name: str,
    ours: list[Finished],
    peers: list[Finished],
    startup: float,
    *,
    limit: float | None = None,
) -> Figure:
    ratios = [(one.seconds - startup) / peer.seconds for one, peer in zip(ours, peers, strict=True)]
    return Figure(
        name,
        median(ratios),
        "times",
        f"median of {len(ratios)} pairs ({spread(ratios)}), start-up of Python apart"
        f" ({startup:.2f} s); ours {median(one.seconds for one in ours):.2f} s,"
        f" psql {median(peer.seconds for peer in peers):.2f} s",
        limit=limit,
    )


def large_file(ground: Ground, root: Path, rounds: int, scale: float) -> list[Figure]:
    """Apply one file of INSERTs of 50 MB, and let psql run it in a transaction."""
    folder = root / "large"
    folder.mkdir()
    path, script = folder / "1_large.sql", root / "large.sql"
    size = 50_000_000 * scale
    with path.open("w") as file:
        file.write("CREATE TABLE big (id bigint PRIMARY KEY, name text, note text);\n")
        number = 0
        while file.tell() < size:
            number += 1
            file.write(_ROW.format(n=number, m=number * 7919 % 100_003))
    script.write_text(f"BEGIN;\n\\i {path}\nCOMMIT;\n")
    ours, peers = _pairs(ground, folder, script, rounds)
    ratios = [one.seconds / peer.seconds for one, peer in zip(ours, peers, strict=True)]
    what = f"One file of {size / 1e6:.0f} MB"
    return [
        Figure(
            f"{what}, beside psql",
            median(ratios),
            "times",
            f"median of {rounds} pairs ({spread(ratios)});"
            f" ours {median(one.seconds for one in ours):.1f} s,"
            f" psql {median(peer.seconds for peer in peers):.1f} s; {number} INSERTs",
            limit=1.5,
        ),
        _memory(f"{what}, memory", ours, limit=400),
    ]


def _pairs(
    ground: Ground,
    folder: Path,
    script: Path,
    rounds: int,
    *,
    mode: str = "PerFile",
    settings: Mapping[str, str] = NO_SETTINGS,
) -> tuple[list[Finished], list[Finished]]:
    """Run both, each on an empty database, one round one of them first and then the other."""
    ours: list[Finished] = []
    peers: list[Finished] = []
    for index in range(rounds):
        for with_psql in (False, True) if index % 2 else (True, False):
            name = ground.new_database(settings)
            before = ground.processor
            done = ground.psql(name, script) if with_psql else ground.apply(name, folder, mode=mode)
            processor = done.processor + ground.processor - before
            (peers if with_psql else ours).append(replace(done, processor=processor))
    return ours, peers


def _memory(name: str, ours: list[Finished], *, limit: float) -> Figure:
    values = [one.mebibytes for one in ours]
    how = f"the process's largest resident set; the most of {len(values)} ({spread(values)})"
    return Figure(name, max(values), "MiB", how, limit=limit)
