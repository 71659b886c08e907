"""A repair: a person says what a statement has done, or how a version stands half taken back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.domain.version import Version
from meshmigrate.engine import half_back
from meshmigrate.engine.declaration import Declaration, Declared, Situation
from meshmigrate.engine.ledger import history, journal, log
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
        if ledger is not None and not _unfinished(ledger, self.version):
            halves = half_back.find(ledger, self.version)
            if halves:
                return self._decide_half(situation, halves)
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

    def _decide_half(self, situation: Situation, steps: Sequence[Step]) -> Declaration:
        """Take a version that is half taken back as gone, or as standing again."""
        done = self.decision == "done"
        row = next((row for row in situation.history if row.version == self.version), None)
        meaning = (
            "counts as taken back: nothing of it stands"
            if done
            else "counts as it was before: its rollback script begins anew"
        )
        by = f" by {self.actor}" if self.actor else ""
        named = ", ".join(map(str, steps))
        declared = Declared(
            event=_event_of_half(done=done, applied=row is not None),
            version=str(self.version),
            file=f"rollbacks/{self.version}.sql",
            write=partial(_settle_half, version=self.version, row=row, done=done),
            message=f"version {self.version}, half taken back ({named}), {meaning}; "
            f"decided{by}: {self.reason}",
        )
        return Declaration(message=f"version {self.version} {meaning}", versions=(declared,))


def _event_of_half(*, done: bool, applied: bool) -> str:
    """Give the log's word; that a version left the history has to be told as such."""
    if not done:
        return "StepDeclaredOpen"
    return log.ROLLED_BACK if applied else log.STEPS_ROLLED_BACK


def _settle_half(
    ledger: Ledger, _: RunSpec, *, version: Version, row: AppliedVersion | None, done: bool
) -> None:
    if not done:
        journal.forget_down(ledger, version)
        return
    if row is not None:
        history.remove(ledger, row)
    journal.clear(ledger, version)


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
