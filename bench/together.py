"""Many migrations on as many databases at once, beside as many bare Jobs at once."""

import time
from functools import partial
from typing import Final

from bench.api import Api
from bench.figures import Figure
from bench.latency import watch_all
from bench.stage import apply, apply_bare_job
from hack.demo.shell import Shell

_LONGEST_SECONDS: Final = 900.0


def together(shell: Shell, api: Api, runs: list[str]) -> list[Figure]:
    """Take the time until the last has ended, of bare Jobs first and of migrations then.

    Raises
    ------
    TimeoutError
        If a migration or a bare Job does not end.
    """
    sightings, image = watch_all(shell, api)
    wait = partial(sightings.wait, seconds=_LONGEST_SECONDS)
    began = time.monotonic()
    for run in runs:
        apply_bare_job(api, f"bare-{run}", image, run=run)
    floor = max(wait(f"bare-{run}", "Complete") for run in runs) - began
    began = time.monotonic()
    for run in runs:
        apply(api, run)
    ended = max(wait(run, "Ready") for run in runs) - began
    return [
        Figure(
            f"{len(runs)} migrations on as many databases at once",
            ended / floor,
            "times",
            f"{ended:.1f} s until all have succeeded, beside {floor:.1f} s until as many bare Jobs"
            " of the same image are complete",
            limit=1.3,
        )
    ]
