"""Which locks a statement takes on tables that are there before it, read from its parse tree.

Only what is stronger than ACCESS SHARE counts: a plain read is in nobody's way but of those who
hold a table for themselves. The source is PostgreSQL itself (AlterTableGetLockLevel and the
callers of table_open) and its manual, "Explicit Locking"; measured on 15 and 18.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from itertools import chain
from typing import Any, Final

from postgast import walk
from postgast.pg_query_pb2 import (
    CommonTableExpr,
    DeleteStmt,
    FuncCall,
    InsertStmt,
    MergeStmt,
    Node,
    ObjectType,
    RangeVar,
    ReindexObjectType,
    UpdateStmt,
)

from meshmigrate.domain.table_lock import LockMode, Reach, TableLock
from meshmigrate.sql.alter_table_locks import alter_table, named
from meshmigrate.sql.drop_locks import RELATIONS, drop, listed, truncate
from meshmigrate.sql.foreign_keys import referenced
from meshmigrate.sql.lockless import LOCK_NO_TABLE
from meshmigrate.sql.transactional import enabled, outside_transactions

Locks = tuple[TableLock, ...]
_Found = Iterator[TableLock]

_DATA: Final = {"insert_stmt", "update_stmt", "delete_stmt", "merge_stmt"}
_WRITES: Final = (InsertStmt, UpdateStmt, DeleteStmt, MergeStmt)


def table_locks(node: Node) -> Locks | None:
    """Give the strongest locks that a statement takes on relations that exist before it.

    Returns
    -------
    tuple
        Each relation once per way it is reached from the name in the statement; empty for a
        statement that locks none. None if the text does not tell: DO, CALL, SELECT of functions,
        extensions, and whatever nobody has thought about.
    """
    name = node.WhichOneof("node")
    tree = getattr(node, name)
    if name in _DATA and not tree.HasField("with_clause"):
        # Large files are made of these: nothing is searched, and equal values are one object.
        return _row_exclusive(tree.relation.schemaname, tree.relation.relname)
    if name in LOCK_NO_TABLE:
        return ()
    if name == "reindex_stmt" and outside_transactions(node):
        return None
    by_form = _BY_FORM.get(name)
    if by_form is None:
        return None
    found = by_form(tree)
    return None if found is None else _strongest(found)


@lru_cache(maxsize=256)
def _row_exclusive(schema: str, name: str) -> Locks:
    return (TableLock(schema, name, LockMode.ROW_EXCLUSIVE),)


def _strongest(found: _Found) -> Locks:
    locks: dict[tuple[str, str, Reach, str], TableLock] = {}
    for lock in found:
        key = (lock.schema, lock.name, lock.reach, lock.part)
        locks[key] = max(lock, locks.get(key, lock), key=lambda one: one.mode)
    return tuple(locks.values())


def _on(mode: LockMode, *reaches: Reach) -> Callable[[Any], _Found]:
    """Make the rule of statements that lock the one relation they name."""
    return lambda tree: named(tree.relation, mode, *reaches)


def _written(tree: Any) -> _Found:
    for part in (tree, *(part for _, part in walk(tree))):
        if isinstance(part, _WRITES):
            yield from named(part.relation, LockMode.ROW_EXCLUSIVE)


def _select(tree: Any) -> _Found | None:
    parts = [part for _, part in walk(tree)]
    if any(isinstance(part, FuncCall) and not _is_builtin(part) for part in parts):
        return None
    return _selected(tree, parts)


def _is_builtin(call: Any) -> bool:
    return len(call.funcname) > 1 and call.funcname[0].string.sval == "pg_catalog"


def _selected(tree: Any, parts: list[Any]) -> _Found:
    yield from _written(tree)
    if tree.locking_clause:
        defined = {part.ctename for part in parts if isinstance(part, CommonTableExpr)}
        for part in parts:
            if isinstance(part, RangeVar) and (part.schemaname or part.relname not in defined):
                yield from named(part, LockMode.ROW_SHARE)


def _create_table(tree: Any) -> _Found:
    partition = tree.HasField("partbound")
    mode = LockMode.ACCESS_EXCLUSIVE if partition else LockMode.SHARE_UPDATE_EXCLUSIVE
    reaches = (Reach.ITSELF, Reach.DEFAULT_PARTITION) if partition else (Reach.ITSELF,)
    for parent in tree.inh_relations:
        yield from named(parent.range_var, mode, *reaches)
    for table in referenced(tree.table_elts):
        yield from named(table, LockMode.SHARE_ROW_EXCLUSIVE)


def _index(tree: Any) -> _Found:
    mode = LockMode.SHARE_UPDATE_EXCLUSIVE if tree.concurrent else LockMode.SHARE
    reaches = (Reach.ITSELF, Reach.DESCENDANTS) if tree.relation.inh else (Reach.ITSELF,)
    return named(tree.relation, mode, *reaches)


def _comment(tree: Any) -> _Found:
    if tree.objtype in RELATIONS:
        yield from listed(tree.object.list.items, LockMode.SHARE_UPDATE_EXCLUSIVE)
    elif tree.objtype == ObjectType.OBJECT_COLUMN:
        yield from listed(tree.object.list.items[:-1], LockMode.SHARE_UPDATE_EXCLUSIVE)


def _lock(tree: Any) -> _Found:
    for part in tree.relations:
        reaches = (Reach.ITSELF, Reach.DESCENDANTS) if part.range_var.inh else (Reach.ITSELF,)
        yield from named(part.range_var, LockMode(tree.mode), *reaches)


def _rename(tree: Any) -> _Found:
    if tree.HasField("relation"):
        of_index = tree.rename_type == ObjectType.OBJECT_INDEX
        mode = LockMode.SHARE_UPDATE_EXCLUSIVE if of_index else LockMode.ACCESS_EXCLUSIVE
        whole = tree.rename_type == ObjectType.OBJECT_TABLE or of_index
        reaches = (Reach.ITSELF,) if whole else (Reach.ITSELF, Reach.DESCENDANTS)
        yield from named(tree.relation, mode, *reaches)


def _moved(tree: Any) -> _Found:
    if tree.HasField("relation"):
        yield from named(tree.relation, LockMode.ACCESS_EXCLUSIVE)


def _policy(tree: Any) -> _Found:
    return named(tree.table, LockMode.ACCESS_EXCLUSIVE)


def _statistics(tree: Any) -> _Found:
    for part in tree.relations:
        yield from named(part.range_var, LockMode.SHARE_UPDATE_EXCLUSIVE)


def _refresh(tree: Any) -> _Found:
    mode = LockMode.EXCLUSIVE if tree.concurrent else LockMode.ACCESS_EXCLUSIVE
    return named(tree.relation, mode)


def _vacuum(tree: Any) -> _Found | None:
    full = tree.is_vacuumcmd and enabled(tree.options, "full", default=False)
    if (tree.is_vacuumcmd and not full) or not tree.rels:
        return None
    mode = LockMode.ACCESS_EXCLUSIVE if full else LockMode.SHARE_UPDATE_EXCLUSIVE
    reaches = (Reach.ITSELF, Reach.DESCENDANTS)
    return chain.from_iterable(
        named(part.vacuum_relation.relation, mode, *reaches) for part in tree.rels
    )


def _reindex(tree: Any) -> _Found | None:
    if tree.kind == ReindexObjectType.REINDEX_OBJECT_INDEX:
        return chain(
            named(tree.relation, LockMode.ACCESS_EXCLUSIVE),
            named(tree.relation, LockMode.SHARE, Reach.INDEXED_TABLE),
        )
    if tree.kind == ReindexObjectType.REINDEX_OBJECT_TABLE:
        return named(tree.relation, LockMode.SHARE)
    return None


def _cluster(tree: Any) -> _Found | None:
    return _moved(tree) if tree.HasField("relation") else None


def _copy(tree: Any) -> _Found:
    if tree.is_from:
        yield from named(tree.relation, LockMode.ROW_EXCLUSIVE)


_BY_FORM: Final[Mapping[str, Callable[[Any], _Found | None]]] = {
    "alter_policy_stmt": _policy,
    "alter_object_schema_stmt": _moved,
    "alter_seq_stmt": lambda s: named(s.sequence, LockMode.SHARE_ROW_EXCLUSIVE),
    "alter_table_stmt": alter_table,
    "cluster_stmt": _cluster,
    "comment_stmt": _comment,
    "copy_stmt": _copy,
    "create_policy_stmt": _policy,
    "create_schema_stmt": lambda s: None if s.schema_elts else iter(()),
    "create_stats_stmt": _statistics,
    "create_stmt": _create_table,
    "create_table_as_stmt": lambda s: _select(s.query.select_stmt),
    "create_trig_stmt": _on(LockMode.SHARE_ROW_EXCLUSIVE, Reach.ITSELF, Reach.DESCENDANTS),
    "delete_stmt": _written,
    "drop_stmt": drop,
    "index_stmt": _index,
    "insert_stmt": _written,
    "lock_stmt": _lock,
    "merge_stmt": _written,
    "refresh_mat_view_stmt": _refresh,
    "reindex_stmt": _reindex,
    "rename_stmt": _rename,
    "rule_stmt": _on(LockMode.ACCESS_EXCLUSIVE),
    "select_stmt": _select,
    "truncate_stmt": truncate,
    "update_stmt": _written,
    "vacuum_stmt": _vacuum,
    "view_stmt": lambda s: named(s.view, LockMode.ACCESS_EXCLUSIVE),
}
