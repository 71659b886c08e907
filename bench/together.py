"""Many migrations on as many databases at once, beside as many bare Jobs at once."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from bench.api import Api
from bench.figures import Figure
from bench.latency import watch_all
from bench.stage import MIGRATE, TELL_THE_TIME, apply, apply_bare_job
from hack.demo.shell import Shell

_LONGEST_SECONDS: Final = 900.0


def together(shell: Shell, api: Api, runs: Sequence[str], others: Sequence[str]) -> list[Figure]:
    """Take the time until the last has ended: of bare Jobs first, and of migrations then.

    Parameters
    ----------
    runs
        Names of empty databases for the migrations.
    others
        As many, for bare Jobs that do the same by the command line.

    Raises
    ------
    TimeoutError
        If a migration or a bare Job does not end.
    """
    sightings, image = watch_all(shell, api)

    def until_all(names: Sequence[str], begin: Callable[[str], object], state: str) -> float:
        began = time.monotonic()
        for name in names:
            begin(name)
        return max(sightings.wait(name, state, seconds=_LONGEST_SECONDS) for name in names) - began

    def bare_jobs(names: Sequence[str], prefix: str, command: Sequence[str]) -> float:
        def begin(job: str) -> None:
            run = job.removeprefix(prefix)
            apply_bare_job(api, job, image, run=run, command=command)

        return until_all([prefix + name for name in names], begin, "Complete")

    empty = bare_jobs(runs, "bare-", TELL_THE_TIME)
    floor = bare_jobs(others, "plain-", MIGRATE)
    ended = until_all(runs, partial(apply, api), "Ready")
    return [
        Figure(
            f"{len(runs)} migrations on as many databases at once",
            ended / floor,
            "times",
            f"{ended:.1f} s until all have succeeded, beside {floor:.1f} s until as many bare Jobs"
            " of the same image have done the same by the command line",
            limit=1.3,
        ),
        Figure(
            "  beside bare Jobs that do nothing",
            ended / empty,
            "times",
            f"{empty:.1f} s until as many bare Jobs of the same image, which end at once, are"
            " complete",
        ),
    ]
