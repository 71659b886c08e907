"""What to do about a database as it stands, in a sentence or two."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from meshmigrate.domain.answers import Status
from meshmigrate.domain.outcome import Outcome
from meshmigrate.engine.half_back import way_on

_NOTHING_WRONG: Final = {Outcome.SUCCEEDED, Outcome.INTERRUPTED, Outcome.CANCELLED}


def next_step(found: Status) -> str:
    """Say what a person would do now; empty where there is nothing to do."""
    return " ".join(_sentences(found))


def _sentences(found: Status) -> Iterator[str]:
    if found.lock is not None:
        yield "Somebody works on it: wait, and look again; `meshmigrate log` shows how far it is."
        return
    if found.unfinished:
        run = found.unfinished[0]
        if run.intent == "undo":
            yield "Run `meshmigrate apply`: it finishes the way back of that run first."
        else:
            yield (
                "Run `meshmigrate apply`: it closes that run and goes on from what is applied; "
                f"`--run-id {run.id}` continues it instead."
            )
    for step in found.open_steps:
        yield (
            f"Statement {step.ordinal} of version {step.version} was cut off: `meshmigrate apply` "
            "looks up what it did and completes it, or says what a person has to decide."
        )
    halves = Counter(step.version for step in found.half_back)
    for version, count in halves.items():
        yield f"Version {version} is half taken back. {way_on(version, count)}"
    if found.unfinished or found.open_steps or halves:
        return
    last = found.runs[0] if found.runs else None
    if last is not None and last.outcome not in _NOTHING_WRONG:
        yield (
            f"The last run ended {last.outcome}: `meshmigrate log --run {last.id}` says why; "
            "correct that first."
        )
    if found.pending_count:
        yield "`meshmigrate plan` shows what is pending, `meshmigrate apply` applies it."
