"""What statements do to data that is there before them, as values; read from the parse tree."""

from collections.abc import Callable, Container, Iterable
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from meshmigrate.domain.column_type import ColumnType


class Place(NamedTuple):
    """A relation or a type, or a column of it, as a statement names it; or a schema."""

    schema: str
    """Empty where the search path decides."""
    name: str
    """Empty for the schema as a whole."""
    column: str = ""
    kind: Literal["", "database", "extension"] = ""
    """What it is, if it is in no schema."""

    def __str__(self) -> str:
        return ".".join(part for part in self[:3] if part)

    @property
    def whole(self) -> "Place":
        """The relation that a column belongs to."""
        return self._replace(column="") if self.column else self

    @property
    def in_any_schema(self) -> "Place":
        """The same name, wherever it is."""
        return self._replace(schema="") if self.schema and self.name else self


UNNAMED: Final = Place("", "")
"""What a statement does not name: nobody can tell what becomes of it."""


class Move(NamedTuple):
    """A name under which something is to be found that was there before the statement."""

    old: Place
    """Unnamed for a view or the like: what can be changed by the new name stays where it is."""
    new: Place
    joins: bool = False
    """Whether what has the new name keeps what it had."""


class Loss(NamedTuple):
    """Data that no rollback script can be trusted to bring back."""

    place: Place
    text: str
    """What is lost, as a person reads it."""
    type: ColumnType | None = None
    """The new type of a column whose type is changed."""
    computed: bool = False
    """Whether USING computes the column's new values."""
    deletes: bool = False
    """Whether rows or columns are gone that are not stored elsewhere, if there are any."""


class EnumValue(NamedTuple):
    """A value added to an enum type: PostgreSQL cannot take it out again."""

    type: Place
    label: str


class DataChange(Struct, frozen=True, gc=False):
    """What one statement does.

    Parameters
    ----------
    losses
        Data that it discards or overwrites.
    creates
        Relations, types and columns that certainly were not there before it.
    renames
        Names that stand for something else, or for nothing, from here on.
    moves
        Names that stand for what was there before under another one.
    temporary
        Whether what it creates is gone at the end of its file.
    added
        The enum value that it adds.
    """

    losses: tuple[Loss, ...] = ()
    creates: tuple[Place, ...] = ()
    renames: tuple[Place, ...] = ()
    moves: tuple[Move, ...] = ()
    temporary: bool = False
    added: EnumValue | None = None


class Creations:
    """Follows what a run creates, file by file: that has no data to lose yet.

    Parameters
    ----------
    absent
        What the database did not have when the run began: what is found there is the run's own,
        unless it was there under another name.
    """

    def __init__(self, absent: Container[Place] = ()) -> None:
        self._absent = absent
        # By relation, with those of its columns that are the run's own, or with itself.
        self._places: dict[Place, set[Place]] = {}
        self._temporary: list[Place] = []
        self._moved: set[Place] = set()

    def __contains__(self, place: Place) -> bool:
        """Whether what a name stands for, or the relation of that column, is the run's own."""
        whole = place.whole
        own = self._places.get(whole)
        if own and (place in own or whole in own):
            return True
        # Most runs move nothing, and their statements may be a hundred thousand.
        if self._moved and not self._moved.isdisjoint((place.in_any_schema, whole.in_any_schema)):
            return False
        if place.schema:
            schema = Place(place.schema, "")
            if schema in self._places or schema in self._moved:
                return schema in self._places
        return place in self._absent

    def follow(self, changes: Iterable[DataChange | None]) -> list[Loss | EnumValue]:
        """Go through the changes of one file; give what they do to what was there before."""
        found = [each for change in changes if change for each in self.see(change)]
        self.end_file()
        return list(dict.fromkeys(found))

    def see(self, change: DataChange) -> list[Loss | EnumValue]:
        """Go through one change; give what it does to what was there before."""
        for move in change.moves:
            if move.old in self and (not move.joins or move.new in self):
                self._add(move.new)
            else:
                self._find_at(move)
        found: list[Loss | EnumValue] = [loss for loss in change.losses if loss.place not in self]
        if change.added is not None and change.added.type not in self:
            found.append(change.added)
        for place in change.renames:
            self._forget(place)
        for place in change.creates:
            self._add(place)
        self._temporary += change.creates if change.temporary else ()
        return found

    def end_file(self) -> None:
        """Forget what is gone at the end of a file, or of one of its steps."""
        for place in self._temporary:
            self._forget(place)
        self._temporary.clear()

    def forget_unqualified(self) -> None:
        """Take no name without a schema for the run's own: it may stand for another thing now."""
        self._keep(lambda place: bool(place.schema))

    def _find_at(self, move: Move) -> None:
        """Take a name, in whatever schema, for one of what may have data; so has its schema."""
        self._forget(move.new)
        self._moved.add(move.new.in_any_schema)
        if move.new.schema and move.old != UNNAMED:
            schema = Place(move.new.schema, "")
            self._places.pop(schema, None)
            self._moved.add(schema)

    def _add(self, place: Place) -> None:
        self._places.setdefault(place.whole, set()).add(place)

    def _forget(self, place: Place) -> None:
        """Take a name, and what is in it, not for the run's own any more."""
        if place.column:
            self._places.get(place.whole, set()).discard(place)
        elif place.name or not place.schema:
            self._places.pop(place, None)
        else:
            self._keep(lambda one: one.schema not in {"", place.schema})

    def _keep(self, belongs: Callable[[Place], bool]) -> None:
        self._places = {place: own for place, own in self._places.items() if belongs(place)}
