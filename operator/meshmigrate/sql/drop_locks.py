"""Which locks DROP and TRUNCATE take: they reach beyond the relations they name."""

from collections.abc import Iterator
from typing import Any, Final

from postgast.pg_query_pb2 import DropBehavior, ObjectType

from meshmigrate.domain.table_lock import LockMode, Reach, TableLock
from meshmigrate.sql.alter_table_locks import named

RELATIONS: Final = {
    ObjectType.OBJECT_TABLE,
    ObjectType.OBJECT_FOREIGN_TABLE,
    ObjectType.OBJECT_MATVIEW,
    ObjectType.OBJECT_SEQUENCE,
    ObjectType.OBJECT_VIEW,
    ObjectType.OBJECT_INDEX,
}
_ON_TABLES: Final = {
    ObjectType.OBJECT_POLICY,
    ObjectType.OBJECT_RULE,
    ObjectType.OBJECT_TRIGGER,
}


def drop(tree: Any) -> Iterator[TableLock] | None:
    """Give the locks of DROP; None where CASCADE may reach any table."""
    kind = tree.remove_type
    if kind in RELATIONS:
        return _dropped_relations(tree)
    if tree.behavior == DropBehavior.DROP_CASCADE:
        return None
    return _tables_of_dropped(tree) if kind in _ON_TABLES else iter(())


def _dropped_relations(tree: Any) -> Iterator[TableLock]:
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE if tree.concurrent else LockMode.ACCESS_EXCLUSIVE
    reaches: tuple[Reach, ...] = (
        Reach.ITSELF,
        Reach.DESCENDANTS,
        Reach.FOREIGN_KEYS,
        Reach.PARTITIONED_TABLE,
    )
    if tree.remove_type == ObjectType.OBJECT_INDEX:
        reaches = (Reach.ITSELF, Reach.INDEXED_TABLE, Reach.DESCENDANTS)
    for dropped in tree.objects:
        yield from listed(dropped.list.items, mode, *reaches)


def _tables_of_dropped(tree: Any) -> Iterator[TableLock]:
    for dropped in tree.objects:
        yield from listed(dropped.list.items[:-1], LockMode.ACCESS_EXCLUSIVE)


def listed(names: Any, mode: LockMode, *reaches: Reach) -> Iterator[TableLock]:
    """Give the lock on a relation named by a list of words, and on those reached from it."""
    words = [part.string.sval for part in names]
    if words:
        schema = words[-2] if len(words) > 1 else ""
        for reach in reaches or (Reach.ITSELF,):
            yield TableLock(schema, words[-1], mode, reach)


def truncate(tree: Any) -> Iterator[TableLock]:
    """Give the locks of TRUNCATE."""
    for part in tree.relations:
        reaches = [Reach.ITSELF]
        if part.range_var.inh:
            reaches.append(Reach.DESCENDANTS)
        if tree.behavior == DropBehavior.DROP_CASCADE:
            reaches.append(Reach.REFERRING)
        yield from named(part.range_var, LockMode.ACCESS_EXCLUSIVE, *reaches)
