"""Finding the hazards of a run, and what its policy and its files say to them."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from meshmigrate.domain.data_change import Creations, Loss, Place
from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.privilege import Obscures
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import HazardPolicy
from meshmigrate.domain.script import Statement
from meshmigrate.domain.version import Version
from meshmigrate.domain.way_back import Pending

_NAMED: Final = 10
_CHANGE_THE_PATH: Final = frozenset({Obscures.NAMES, Obscures.FILE})
_DOES: Final = {Hazard.DELETES_DATA: "deletes data"}

Answer = Literal["Enforced", "NotEnforced", "AllowedByFile", "AllowedByPolicy"]


@dataclass(frozen=True, slots=True)
class FoundHazard:
    """One thing that a file does.

    Parameters
    ----------
    what
        What becomes of which object, as a person reads it.
    statement
        The command tag of the first statement that does it.
    answer
        What policy and file say to it.
    why
        The reason that the file gives for allowing it.
    """

    hazard: Hazard
    version: Version
    what: str
    statement: str
    location: Location
    answer: Answer
    why: str = ""

    @property
    def sentence(self) -> str:
        """Say all of it."""
        return f"version {self.version}: {self}; {self.verdict}"

    @property
    def verdict(self) -> str:
        """Why it may happen."""
        return {
            "Enforced": "not allowed",
            "NotEnforced": "not enforced",
            "AllowedByFile": f"allowed by the file: {self.why}",
            "AllowedByPolicy": "allowed for this run",
        }[self.answer]

    def __str__(self) -> str:
        return f"{self.statement} {_DOES[self.hazard]} ({self.what})"


def places_at_stake(files: Iterable[Pending]) -> frozenset[Place]:
    """Give all that files take data from, and the names it may have had: is it there at all."""
    changes = [one.change for each in files for one in each.statements if one.change is not None]
    deleted = {loss.place for change in changes for loss in change.losses if loss.deletes}
    if not deleted:
        return frozenset()
    moves = [move for change in changes for move in change.moves]
    return frozenset(deleted.union(*((move.old, move.new) for move in moves)))


def find_hazards(
    files: Sequence[Pending], policy: HazardPolicy, absent: Container[Place] = ()
) -> tuple[FoundHazard, ...]:
    """Find what files do to what was there before the run, in their order, each thing once a file.

    Parameters
    ----------
    absent
        What the database does not have.
    """
    creations = Creations(absent)
    return tuple(
        _judged(loss, statement, each, policy)
        for each in files
        for loss, statement in _deletions(each, creations).items()
    )


def _deletions(file: Pending, creations: Creations) -> dict[Loss, Statement]:
    """Give what one file deletes, and the first statement that does."""
    found: dict[Loss, Statement] = {}
    path_changed = False
    for statement in file.statements:
        if file.steps_at is not None:  # temporary tables do not outlive a step
            creations.end_file()
        if statement.demand.obscures in _CHANGE_THE_PATH:
            creations.forget_unqualified()
            path_changed = True
        for each in creations.see(statement.change) if statement.change else ():
            if isinstance(each, Loss) and each.deletes:
                found.setdefault(each, statement)
    creations.end_file()
    if path_changed:
        creations.forget_unqualified()
    return found


def _judged(loss: Loss, statement: Statement, file: Pending, policy: HazardPolicy) -> FoundHazard:
    script, hazard = file.migration.script, Hazard.DELETES_DATA
    why = script.allowed.get(hazard, "")
    return FoundHazard(
        hazard=hazard,
        version=file.migration.version,
        what=loss.text,
        statement=statement.kind,
        location=script.location(statement.offset),
        answer=_answer(hazard, policy, why),
        why=why,
    )


def _answer(hazard: Hazard, policy: HazardPolicy, why: str) -> Answer:
    if why:
        return "AllowedByFile"
    if hazard in policy.allow:
        return "AllowedByPolicy"
    return "Enforced" if hazard in policy.enforce else "NotEnforced"


def refuse_enforced(found: Iterable[FoundHazard]) -> None:
    """Refuse a run with hazards that are enforced and that nobody has allowed.

    Raises
    ------
    Refusal
        ``HazardNotAllowed``: each of them with its place, and the line that allows the first.
    """
    refused = [each for each in found if each.answer == "Enforced"]
    if not refused:
        return
    first, *others = refused
    named = [f"{each.location}: {each}" for each in others[: _NAMED - 1]]
    more = [f"and {len(refused) - _NAMED} more"] if len(refused) > _NAMED else []
    raise Refusal(
        Reason.HAZARD_NOT_ALLOWED,
        "; ".join((f"{first}, which is not allowed", *named, *more)),
        hint="If that is meant, say so in a line before the first statement of each file: "
        f"`-- meshmigrate: allow {first.hazard} {first.what}: not needed any more`; or allow it "
        f"for a whole run: `--allow-hazard {first.hazard}`, or policy.hazards.allow: "
        f"[{first.hazard}] in the resource.",
        location=first.location,
        statement=first.statement,
    )
