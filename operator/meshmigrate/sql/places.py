"""Names in a parse tree as places."""

from collections.abc import Iterable
from typing import Any

from meshmigrate.domain.data_change import Place


def place_of(relation: Any, column: str = "") -> Place:
    """Give the place of a relation, or of a column of it."""
    return Place(relation.schemaname, relation.relname, column)


def listed_place(names: Iterable[Any]) -> Place:
    """Give the place of a name that is a list of its parts."""
    words = [part.string.sval for part in names]
    return Place(words[-2] if len(words) > 1 else "", words[-1])
