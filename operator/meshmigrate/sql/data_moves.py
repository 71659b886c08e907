"""What is to be found under another name after a statement, read from its parse tree."""

from typing import Any, Final

from postgast.pg_query_pb2 import ObjectType

from meshmigrate.domain.data_change import UNNAMED, DataChange, Move, Place
from meshmigrate.sql.places import listed_place, place_of

_RELATIONS: Final = {
    ObjectType.OBJECT_FOREIGN_TABLE,
    ObjectType.OBJECT_INDEX,
    ObjectType.OBJECT_MATVIEW,
    ObjectType.OBJECT_SEQUENCE,
    ObjectType.OBJECT_TABLE,
    ObjectType.OBJECT_VIEW,
}
_COLUMNS: Final = {ObjectType.OBJECT_COLUMN, ObjectType.OBJECT_ATTRIBUTE}
_TYPES: Final = {
    ObjectType.OBJECT_COLLATION,
    ObjectType.OBJECT_DOMAIN,
    ObjectType.OBJECT_TYPE,
}


def renamed(tree: Any) -> DataChange | None:
    """Say what ALTER ... RENAME renames that has data, or a type."""
    new = tree.newname
    match tree.rename_type:
        case ObjectType.OBJECT_SCHEMA:
            return _moves(Place(tree.subname, ""), Place(new, ""))
        case ObjectType.OBJECT_DATABASE:
            old = Place("", tree.subname, kind="database")
            return _moves(old, old._replace(name=new))
        case kind if kind in _COLUMNS:
            return _moves(place_of(tree.relation, tree.subname), place_of(tree.relation, new))
        case kind if kind in _RELATIONS:
            old = place_of(tree.relation)
            return _moves(old, old._replace(name=new))
        case kind if kind in _TYPES:
            old = listed_place(tree.object.list.items)
            return _moves(old, old._replace(name=new))
    return None


def moved(tree: Any) -> DataChange | None:
    """Say what ALTER ... SET SCHEMA moves that has data, or a type."""
    if tree.object_type in _TYPES:
        old = listed_place(tree.object.list.items)
    elif tree.HasField("relation"):
        old = place_of(tree.relation)
    else:
        return None
    return _moves(old, old._replace(schema=tree.newschema))


def stands_for_others(relation: Any) -> DataChange:
    """Say that what is made has no rows of its own: those it shows are stored elsewhere."""
    return DataChange(moves=(Move(UNNAMED, place_of(relation)),))


def _moves(old: Place, new: Place) -> DataChange:
    return DataChange(renames=(old,), moves=(Move(old, new),))
