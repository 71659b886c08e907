"""From measurements to the figures of the documentation, each with its limit."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from bench.figures import Figure, percentile
from bench.latency import Round

_LIMITS: Final = {
    ("Applied to Succeeded", 50): 2.0,
    ("The same, minus pod start and SQL", 50): 0.5,
    ("The same, minus pod start and SQL", 95): 1.5,
}
_PARTS: Final = {
    "until_pod": "from the resource's creation until its pod exists",
    "start": "from there until the runner is connected",
    "floor_start": "of that, until the program runs, as in the bare Job",
    "run": "from the runner's connection to the run's end",
    "sql": "of that, the files themselves, as the ledger has it",
    "exit": "from there until the kubelet, looking once a second, tells that it has terminated",
    "after_pod": "from there until the resource is Ready",
    "floor": "the bare Job's pod from existing to terminated; it ends at once",
}


def latency(rounds: Sequence[Round]) -> list[Figure]:
    """Summarise the rounds.

    The floor is a bare Job's pod: the same image, security settings and volumes, on the same
    cluster, in the same minutes.
    """
    floor = median(taken.floor for taken in rounds)
    series = {
        "Applied to Succeeded": (
            [taken.total for taken in rounds],
            f"{len(rounds)} runs, nine files each, on empty databases; creation to Ready, watched",
        ),
        "The same, minus pod start and SQL": (
            [taken.total - floor - taken.sql for taken in rounds],
            "less the median of the bare Jobs, and the files' durations in the ledger",
        ),
        "Our own part of it": (
            [taken.own for taken in rounds],
            "operator, runner's start and its work beside SQL; not the wait for the kubelet",
        ),
    }
    return [
        *(
            Figure(
                f"{name}, p{percent}",
                percentile(values, percent),
                "s",
                how,
                _LIMITS.get((name, percent)),
            )
            for name, (values, how) in series.items()
            for percent in (50, 95)
        ),
        *(
            Figure(f"  {name.replace('_', ' ')}", _median(rounds, name), "s", f"median; {what}")
            for name, what in _PARTS.items()
        ),
    ]


def load(*, written: float, runs: int, idle: float, afterwards: float) -> list[Figure]:
    """Summarise what the operator cost; ``written`` includes the bench's own two per round."""
    return [
        Figure(
            "API writes per migration",
            written / runs - 2,
            "",
            "the API server's apiserver_request_total: DatabaseMigrations with their status, Jobs"
            " without (it is their controller's), no events; less the bench's own",
            limit=8,
        ),
        Figure("Idle operator, fresh", idle, "MiB", "VmRSS of its process", limit=80),
        Figure(f"Idle operator, after {runs} runs", afterwards, "MiB", "the same", limit=80),
    ]


def _median(rounds: Sequence[Round], part: str) -> float:
    values: list[float] = [getattr(taken, part) for taken in rounds]
    return median(values)
