"""Types of columns, as far as it matters whether one holds everything that another one holds.

PostgreSQL manual, chapter "Data Types".
"""

from typing import Final, NamedTuple

_WIDER: Final = {
    "int2": {"int4", "int8", "numeric", "float4", "float8"},
    "int4": {"int8", "numeric", "float8"},
    "int8": {"numeric"},
    "float4": {"float8"},
}
_LENGTH: Final = {"varchar", "bpchar", "varbit", "time", "timetz", "timestamp", "timestamptz"}
"""Types whose one modifier is how much they hold; without it they hold everything."""
_IN_WRITING: Final = {"text", "varchar"}


class ColumnType(NamedTuple):
    """A type by PostgreSQL's own name for it, such as ``int4``, and its modifiers."""

    name: str
    modifiers: tuple[int, ...] = ()

    @property
    def holds_anything(self) -> bool:
        """Whether every value of another type can be written down in it."""
        return self.name in _IN_WRITING and not self.modifiers

    def holds(self, other: "ColumnType") -> bool:
        """Whether it holds every value of another type; False where nobody has thought of it."""
        if self == other or self.holds_anything:
            return True
        if self.name != other.name:
            return not self.modifiers and self.name in _WIDER.get(other.name, ())
        if self.name == "numeric":
            return _numeric_holds(self.modifiers, other.modifiers)
        if self.name not in _LENGTH or not other.modifiers:
            return False
        return not self.modifiers or self.modifiers >= other.modifiers


def _numeric_holds(mine: tuple[int, ...], others: tuple[int, ...]) -> bool:
    """Compare the digits before the point and those after it, which are counted as the scale."""
    if not mine:
        return True
    if not others:
        return False
    (precision, scale), (other_precision, other_scale) = (*mine, 0)[:2], (*others, 0)[:2]
    return scale >= other_scale and precision - scale >= other_precision - other_scale
