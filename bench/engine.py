"""The figures of the engine: on a server of its own, each beside its floor or a peer."""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.figures import Figure
from bench.files import large_file, many_files
from bench.fingerprints import fingerprints
from bench.ground import Ground, ground
from bench.proof import proof
from bench.quiet import nothing_pending
from bench.stall import stall

_FIGURES: Final[dict[str, Callable[[Ground, Path, int, float], list[Figure]]]] = {
    "many-files": many_files,
    "proof": proof,
    "nothing-pending": nothing_pending,
    "large-file": large_file,
    "stall": stall,
    "fingerprints": fingerprints,
}
NAMES: Final = tuple(_FIGURES)


def take(version: str, rounds: int, *, only: str | None, scale: float) -> list[Figure]:
    """Take the figures, naming each on the way.

    Parameters
    ----------
    version
        Of the server: 15 or 18.
    rounds
        How many pairs of each.
    only
        The one to take; None for all of them.
    scale
        1 for the sizes that the documentation names.
    """
    figures: list[Figure] = []
    with ground(version) as server, TemporaryDirectory(prefix="meshmigrate-bench-") as folder:
        for name in (only,) if only else NAMES:
            print(f"taking {name} ...", file=sys.stderr)
            figures += _FIGURES[name](server, Path(folder), rounds, scale)
    return figures
