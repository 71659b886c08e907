"""A repair: a person says what a statement has done of which nothing else tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.version import Version
from meshmigrate.engine.declaration import Declaration, Declared, Situation
from meshmigrate.engine.ledger import journal
from meshmigrate.engine.ledger.journal import Step
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.engine.reckoning import needs_decision, text_of

Decision = Literal["done", "retry"]


@dataclass(frozen=True, slots=True)
class StepRepair:
    """What is decided, why, and by whom."""

    version: Version
    decision: Decision
    reason: str
    actor: str

    def decide(self, situation: Situation) -> Declaration:
        """Take the unfinished step of a version as done, or as never begun.

        The run that goes on with the file starts behind it, or exactly with it.

        Raises
        ------
        Refusal
            ``NothingToRepair`` where no step waits for a decision.
        """
        ledger = situation.ledger
        step = _unfinished(ledger, self.version) if ledger is not None else None
        if ledger is None or step is None:
            raise Refusal(
                Reason.NOTHING_TO_REPAIR,
                f"no statement of version {self.version} waits for a decision",
                hint="Nothing to do: `meshmigrate apply` goes on by itself.",
            )
        script = text_of(ledger, step)
        kind = script.statements[step.ordinal - 1].kind
        statement = f"statement {step.ordinal} ({kind}) of version {step.version}"
        if not needs_decision(step, script):
            raise Refusal(
                Reason.NOTHING_TO_REPAIR,
                f"{statement} was under way, but what it did can be looked up",
                hint="Run `meshmigrate apply`: it looks that up and goes on.",
            )
        done = self.decision == "done"
        meaning = "counts as done" if done else "is to run again"
        by = f" by {self.actor}" if self.actor else ""
        declared = Declared(
            event="StepDeclaredDone" if done else "StepDeclaredOpen",
            version=step.version,
            file=script.script.file,
            write=_write(step, done=done),
            message=f"{statement}, of which nothing tells what it did, {meaning}; "
            f"decided{by}: {self.reason}",
        )
        return Declaration(message=f"{statement} {meaning}", versions=(declared,))


def _unfinished(ledger: Ledger, version: Version) -> Step | None:
    steps = journal.read(ledger, version, "up") + journal.read(ledger, version, "down")
    return next((step for step in steps if not step.done), None)


def _write(step: Step, *, done: bool) -> Callable[[Ledger, RunSpec], None]:
    def write(ledger: Ledger, _: RunSpec) -> None:
        if done:
            journal.finish(ledger, step)
        else:
            journal.forget(ledger, step)

    return write
