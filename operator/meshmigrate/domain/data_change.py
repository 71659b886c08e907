"""What statements do to data that is there before them, as values; read from the parse tree."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Place(NamedTuple):
    """A relation or a type, or a column of it, as a statement names it."""

    schema: str
    """Empty where the search path decides."""
    name: str
    column: str = ""

    def __str__(self) -> str:
        return ".".join(part for part in self if part)

    @property
    def whole(self) -> "Place":
        """The relation that a column belongs to."""
        return self._replace(column="")


class Loss(NamedTuple):
    """Data that no rollback script can be trusted to bring back."""

    place: Place
    text: str
    """What is lost, as a person reads it."""


class EnumValue(NamedTuple):
    """A value added to an enum type: PostgreSQL cannot take it out again."""

    type: Place
    label: str


@dataclass(frozen=True, slots=True)
class DataChange:
    """What one statement does.

    Parameters
    ----------
    losses
        Data that it discards or overwrites.
    creates
        Relations, types and columns that certainly were not there before it.
    renames
        Names that stand for something else, or for nothing, from here on.
    temporary
        Whether what it creates is gone at the end of its file.
    added
        The enum value that it adds.
    """

    losses: tuple[Loss, ...] = ()
    creates: tuple[Place, ...] = ()
    renames: tuple[Place, ...] = ()
    temporary: bool = False
    added: EnumValue | None = None


class Creations:
    """Follows what a run creates, file by file: that has no data to lose yet."""

    def __init__(self) -> None:
        self._places: set[Place] = set()

    def __contains__(self, place: Place) -> bool:
        """Whether what a name stands for, or the relation of that column, is the run's own."""
        return place in self._places or place.whole in self._places

    def follow(self, changes: Iterable[DataChange | None]) -> list[Loss | EnumValue]:
        """Go through the changes of one file; give what they do to what was there before."""
        found: dict[Loss | EnumValue, None] = {}
        temporary: set[Place] = set()
        for change in filter(None, changes):
            found |= {loss: None for loss in change.losses if loss.place not in self}
            if change.added is not None and change.added.type not in self:
                found[change.added] = None
            self._places.difference_update(change.renames)
            self._places.update(change.creates)
            temporary.update(change.creates if change.temporary else ())
        self._places -= temporary
        return list(found)
