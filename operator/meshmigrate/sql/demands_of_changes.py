"""Which rights statements need that take things away, rename them, or give them to others."""

from collections.abc import Iterable
from typing import Any, Final

from postgast.pg_query_pb2 import ObjectType

from meshmigrate.domain.privilege import Demand, Kind, Need, Obscures, Right
from meshmigrate.sql.demands_of_names import create_in, needs_of_names, on

ALL: Final = Demand(obscures=Obscures.ALL)
CREATE_IN_DATABASE: Final = Need(Kind.DATABASE, Right.CREATE)


def drop(tree: Any) -> Demand:
    """Give the demand of DROP."""
    found = [needs_of_names(tree.remove_type, item, Right.DROP) for item in tree.objects]
    dropped = [need for needs in found for need in needs]
    return _of_names(dropped)


def _of_names(needs: Iterable[Need]) -> Demand:
    """Give the demand of what changes the very things it needs rights on."""
    found = tuple(needs)
    return Demand(
        found,
        changed=tuple(need.name for need in found),
        schemas=tuple(need.name for need in found if need.kind is Kind.SCHEMA),
    )


def rename(tree: Any) -> Demand:
    """Give the demand of ALTER ... RENAME."""
    kind = tree.rename_type
    if kind == ObjectType.OBJECT_ROLE:
        return ALL
    if tree.HasField("relation"):
        return Demand(
            (on(tree.relation, Right.OWN),), changed=(tree.relation.relname, tree.newname)
        )
    if kind == ObjectType.OBJECT_SCHEMA:
        own = Need(Kind.SCHEMA, Right.OWN, name=tree.subname)
        return Demand((own, CREATE_IN_DATABASE), schemas=(tree.subname, tree.newname))
    done = _of_names(needs_of_names(kind, tree.object, Right.OWN))
    return done._replace(changed=(*done.changed, tree.newname))


def move(tree: Any) -> Demand:
    """Give the demand of ALTER ... SET SCHEMA."""
    there = create_in(tree.newschema)
    if tree.HasField("relation"):
        return Demand((on(tree.relation, Right.OWN), there), changed=(tree.relation.relname,))
    done = _of_names(needs_of_names(tree.object_type, tree.object, Right.OWN))
    return done._replace(needs=(*done.needs, there) if done.needs else ())


def give(tree: Any) -> Demand:
    """Give the demand of ALTER ... OWNER TO of anything but a table.

    To the owner that it has already anybody may give it: left to the server.
    """
    return _of_names(needs_of_names(tree.object_type, tree.object, Right.OWN))._replace(needs=())


def grant(tree: Any) -> Demand:
    """Give the demand of GRANT and REVOKE: rights are as they will be, not as they are."""
    if tree.objtype not in {ObjectType.OBJECT_TABLE, ObjectType.OBJECT_SCHEMA}:
        return ALL
    changed = tuple(part.range_var.relname for part in tree.objects if part.HasField("range_var"))
    schemas = tuple(part.string.sval for part in tree.objects if part.HasField("string"))
    return Demand(changed=changed, schemas=schemas)
