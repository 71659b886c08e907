"""From the names in a parse tree to the rights on what they name."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from postgast.pg_query_pb2 import Node, ObjectType, RangeVar

from meshmigrate.domain.privilege import Kind, Need, Right
from meshmigrate.sql.drop_locks import RELATIONS

Names = Iterable[Node]

_ON_TABLES: Final = {
    ObjectType.OBJECT_COLUMN,
    ObjectType.OBJECT_POLICY,
    ObjectType.OBJECT_RULE,
    ObjectType.OBJECT_TABCONSTRAINT,
    ObjectType.OBJECT_TRIGGER,
}
_ROUTINES: Final = {
    ObjectType.OBJECT_AGGREGATE,
    ObjectType.OBJECT_FUNCTION,
    ObjectType.OBJECT_PROCEDURE,
    ObjectType.OBJECT_ROUTINE,
}
_TYPES: Final = {ObjectType.OBJECT_DOMAIN, ObjectType.OBJECT_TYPE}


def on(relation: RangeVar, right: Right) -> Need:
    """Give the need of a right on a relation."""
    return Need(Kind.RELATION, right, relation.schemaname, relation.relname)


def create_in(schema: str) -> Need:
    """Give the need to make something in a schema; empty for where the search path leads."""
    return Need(Kind.SCHEMA, Right.CREATE, name=schema)


def words(names: Names) -> list[str]:
    """Give the parts of a name."""
    return [part.string.sval for part in names]


def needs_of_names(kind: int, item: Any, right: Right) -> Iterator[Need]:
    """Give the need of a right on what is named; nothing for kinds that are left to the server.

    Parameters
    ----------
    kind
        What is named, as an ``ObjectType``.
    item
        The name's node, whose form depends on the kind.
    """
    if kind in RELATIONS:
        yield from _need(Kind.RELATION, right, words(item.list.items))
    elif kind in _ON_TABLES:
        # What belongs to a table is its owner's.
        yield from _need(Kind.RELATION, Right.OWN, words(item.list.items)[:-1])
    elif kind in _TYPES:
        names = item.type_name.names if item.HasField("type_name") else item.list.items
        yield from _need(Kind.TYPE, right, words(names))
    elif kind in _ROUTINES:
        yield from _need(Kind.ROUTINE, right, words(item.object_with_args.objname))
    elif kind == ObjectType.OBJECT_SCHEMA:
        yield from _need(Kind.SCHEMA, Right.OWN, [item.string.sval])


def _need(kind: Kind, right: Right, names: list[str]) -> Iterator[Need]:
    if names:
        yield Need(kind, right, names[-2] if len(names) > 1 else "", names[-1])
