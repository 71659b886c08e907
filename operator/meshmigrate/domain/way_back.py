"""Whether a run can be taken back, known before its first statement."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final, NamedTuple

from msgspec import Struct

from meshmigrate.domain.column_type import ColumnType
from meshmigrate.domain.data_change import Creations, EnumValue, Loss, Place
from meshmigrate.domain.errors import Location
from meshmigrate.domain.script import Migration, Statement
from meshmigrate.domain.version import Version

_NAMED: Final = 3


class Way(StrEnum):
    """How a version is taken back, or why it cannot be; the later, the worse."""

    TRANSACTIONAL = "Transactional"
    """Its transaction ends the run: the server undoes it."""
    SCRIPT_VERIFIED = "ScriptVerified"
    """It has a rollback script, which was proven on a copy of the schema."""
    SCRIPT_UNVERIFIED = "ScriptUnverified"
    """It has a rollback script, which nobody has proven."""
    DATA_LOSS = "DataLoss"
    """Its script brings back the schema, but not the data that the version discards."""
    IRREVERSIBLE = "Irreversible"
    NO_SCRIPT = "NoScript"

    @property
    def ready(self) -> bool:
        """Whether it leads back to where the run began."""
        return self in {Way.TRANSACTIONAL, Way.SCRIPT_VERIFIED, Way.SCRIPT_UNVERIFIED}


class Pending(Struct, frozen=True, gc=False):
    """A file that a run applies, with what its text tells.

    Parameters
    ----------
    rollback
        The statements of its rollback script.
    steps_at
        The place because of which it runs in steps; None if one transaction holds it.
    proven
        Whether ``verify`` has proven its rollback script.
    """

    migration: Migration
    statements: tuple[Statement, ...]
    rollback: tuple[Statement, ...] = ()
    steps_at: Location | None = None
    proven: bool = False


class WayBack(NamedTuple):
    """How one version is taken back, and why so."""

    version: Version
    way: Way
    why: str
    losses: tuple[str, ...] = ()
    """The data that it discards."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """Whether a whole run can be taken back."""

    way: Way
    """The worst of its versions'."""
    message: str


def ways_back(pending: Sequence[Pending], *, undone: Iterable[Version] = ()) -> list[WayBack]:
    """Say how each version of a run is taken back, in the order of the work.

    What the run itself has created before holds no data that could be lost.

    Parameters
    ----------
    undone
        The versions that a transaction undoes, as it does not commit before the run has ended.
    """
    creations, by_transaction = Creations(), set(undone)
    return [
        _way_back(
            each,
            creations.follow(statement.change for statement in each.statements),
            by_transaction=each.migration.version in by_transaction,
        )
        for each in pending
    ]


def _way_back(
    pending: Pending, changes: Sequence[Loss | EnumValue], *, by_transaction: bool
) -> WayBack:
    version = pending.migration.version
    if by_transaction or all(statement.changes_nothing for statement in pending.statements):
        why = "its transaction undoes it" if by_transaction else _NOTHING
        return WayBack(version, Way.TRANSACTIONAL, why)
    losses = _losses(changes, pending.rollback)
    if pending.migration.rollback is None:
        return WayBack(version, Way.NO_SCRIPT, "it has no rollback script", losses)
    if pending.migration.rollback.irreversible is not None:
        why = f"its rollback script says so: {pending.migration.rollback.irreversible}"
        return WayBack(version, Way.IRREVERSIBLE, why, losses)
    if added := _added(changes, pending.rollback):
        why = f"it adds a value to the enum type {added[0].type}, which cannot be taken out"
        return WayBack(version, Way.IRREVERSIBLE, why, losses)
    if losses:
        why = f"its rollback script does not bring back {_listed(losses)}"
        return WayBack(version, Way.DATA_LOSS, why, losses)
    return WayBack(version, *_BY_SCRIPT[pending.proven])


_NOTHING: Final = "it changes nothing that would have to be taken back"
_BY_SCRIPT: Final = {
    True: (Way.SCRIPT_VERIFIED, "its rollback script was proven on a copy of the schema"),
    False: (Way.SCRIPT_UNVERIFIED, "it has a rollback script"),
}


def _losses(changes: Iterable[Loss | EnumValue], rollback: Iterable[Statement]) -> tuple[str, ...]:
    lost = [change for change in changes if isinstance(change, Loss)]
    if not lost:
        return ()
    former = _types(rollback)
    return tuple(loss.text for loss in lost if not _kept(loss, former.get(loss.place)))


def _added(changes: Iterable[Loss | EnumValue], rollback: Iterable[Statement]) -> list[EnumValue]:
    # A script that makes the type anew is the one way to be rid of a value.
    if any(statement.kind == "CREATE TYPE" for statement in rollback):
        return []
    return [change for change in changes if isinstance(change, EnumValue)]


def _types(rollback: Iterable[Statement]) -> dict[Place, ColumnType]:
    """Give the types that a rollback script gives back to columns: those that they had."""
    changes = (statement.change for statement in rollback if statement.change is not None)
    losses = chain.from_iterable(change.losses for change in changes)
    return {loss.place: loss.type for loss in losses if loss.type is not None}


def _kept(loss: Loss, former: ColumnType | None) -> bool:
    """Whether a change of type loses nothing, as the new one holds all that the former did."""
    if loss.type is None or loss.computed or former is None:
        return False
    return loss.type.holds(former)


_WHOLE: Final = {
    Way.TRANSACTIONAL: "a failure is undone by the transaction, with nothing left to take back",
    Way.SCRIPT_VERIFIED: "what is applied when a file fails is taken back by rollback scripts "
    "that were proven on a copy of the schema, and compared with the schema before",
    Way.SCRIPT_UNVERIFIED: "what is applied when a file fails is taken back by rollback scripts, "
    "and compared with the schema before",
}


def whole(ways: Sequence[WayBack]) -> Rollback:
    """Say whether a run as a whole can be taken back."""
    order = list(Way)
    worst = max((each.way for each in ways), key=order.index, default=Way.TRANSACTIONAL)
    if worst.ready:
        return Rollback(worst, _WHOLE[worst])
    reasons = [f"version {each.version}: {each.why}" for each in ways if not each.way.ready]
    return Rollback(worst, _listed(reasons, "; "))


def _listed(texts: Sequence[str], between: str = ", ") -> str:
    more = [f"and {len(texts) - _NAMED} more"] if len(texts) > _NAMED else []
    return between.join([*texts[:_NAMED], *more])
