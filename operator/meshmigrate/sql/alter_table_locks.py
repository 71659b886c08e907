"""Which locks ALTER TABLE takes: the strongest of its subcommands', and on whom else.

The source is PostgreSQL's AlterTableGetLockLevel, and the manual of ALTER TABLE.
"""

from collections.abc import Iterator
from typing import Any, Final

from postgast import pg_query_pb2 as pg

from meshmigrate.domain.table_lock import LockMode, Reach, TableLock
from meshmigrate.sql.foreign_keys import referenced

_SHARE_UPDATE_EXCLUSIVE: Final = {
    pg.AT_AttachPartition,
    pg.AT_ClusterOn,
    pg.AT_DetachPartitionFinalize,
    pg.AT_DropCluster,
    pg.AT_ResetOptions,
    pg.AT_SetOptions,
    pg.AT_SetStatistics,
    pg.AT_ValidateConstraint,
}
_SHARE_ROW_EXCLUSIVE: Final = {
    pg.AT_DisableTrig,
    pg.AT_DisableTrigAll,
    pg.AT_DisableTrigUser,
    pg.AT_EnableAlwaysTrig,
    pg.AT_EnableReplicaTrig,
    pg.AT_EnableTrig,
    pg.AT_EnableTrigAll,
    pg.AT_EnableTrigUser,
}
_STORAGE: Final = {pg.AT_SetRelOptions, pg.AT_ResetRelOptions}
_LIGHT_STORAGE: Final = {
    "deduplicate_items",
    "fillfactor",
    "log_autovacuum_min_duration",
    "parallel_workers",
    "toast_tuple_target",
    "vacuum_index_cleanup",
    "vacuum_max_eager_freeze_failure_rate",
    "vacuum_truncate",
}

_ON_FOREIGN_KEYS: Final = {
    pg.AT_DropColumn: LockMode.ACCESS_EXCLUSIVE,
    pg.AT_DropConstraint: LockMode.ACCESS_EXCLUSIVE,
    pg.AT_ValidateConstraint: LockMode.ROW_SHARE,
}


def alter_table(tree: Any) -> Iterator[TableLock]:
    """Give the locks of ALTER TABLE, ALTER INDEX, ALTER VIEW and their like."""
    commands = [part.alter_table_cmd for part in tree.cmds]
    strongest = max((_mode(command) for command in commands), default=LockMode.ACCESS_EXCLUSIVE)
    reaches = (Reach.ITSELF, Reach.DESCENDANTS) if tree.relation.inh else (Reach.ITSELF,)
    attaches = any(c.subtype == pg.AT_AttachPartition for c in commands)
    detaches = any(c.subtype == pg.AT_DetachPartition for c in commands)
    yield from named(
        tree.relation, strongest, *((Reach.ITSELF,) if attaches or detaches else reaches)
    )
    for command in commands:
        yield from _others(tree.relation, command)


def named(relation: Any, mode: LockMode, *reaches: Reach) -> Iterator[TableLock]:
    """Give the lock on a relation that a statement names, and on those reached from it."""
    for reach in reaches or (Reach.ITSELF,):
        yield TableLock(relation.schemaname, relation.relname, mode, reach)


def _mode(command: Any) -> LockMode:
    kind = command.subtype
    if kind in _SHARE_UPDATE_EXCLUSIVE or (kind in _STORAGE and _is_light(command)):
        return LockMode.SHARE_UPDATE_EXCLUSIVE
    if kind in _SHARE_ROW_EXCLUSIVE or _adds_foreign_key(command):
        return LockMode.SHARE_ROW_EXCLUSIVE
    if kind == pg.AT_DetachPartition and getattr(command, "def").partition_cmd.concurrent:
        return LockMode.SHARE_UPDATE_EXCLUSIVE
    return LockMode.ACCESS_EXCLUSIVE


def _is_light(command: Any) -> bool:
    names = [part.def_elem.defname for part in getattr(command, "def").list.items]
    return all(name in _LIGHT_STORAGE or name.startswith("autovacuum_") for name in names)


def _adds_foreign_key(command: Any) -> bool:
    constraint = getattr(command, "def").constraint
    return bool(command.subtype == pg.AT_AddConstraint and constraint.contype == pg.CONSTR_FOREIGN)


def _others(relation: Any, command: Any) -> Iterator[TableLock]:
    """Give the locks of a subcommand on other relations than the one that is altered."""
    kind, definition = command.subtype, getattr(command, "def")
    if mode := _ON_FOREIGN_KEYS.get(kind):
        schema, name = relation.schemaname, relation.relname
        yield TableLock(schema, name, mode, Reach.FOREIGN_KEYS, command.name)
    elif kind == pg.AT_AttachPartition:
        yield from named(
            definition.partition_cmd.name,
            LockMode.ACCESS_EXCLUSIVE,
            Reach.ITSELF,
            Reach.DESCENDANTS,
        )
        yield from named(relation, LockMode.ACCESS_EXCLUSIVE, Reach.DEFAULT_PARTITION)
    elif kind == pg.AT_DetachPartition:
        yield from named(definition.partition_cmd.name, LockMode.ACCESS_EXCLUSIVE)
        yield from named(relation, LockMode.ACCESS_EXCLUSIVE, Reach.DEFAULT_PARTITION)
    elif kind == pg.AT_AddInherit:
        yield from named(definition.range_var, LockMode.SHARE_UPDATE_EXCLUSIVE)
    else:
        for table in referenced((definition,)):
            yield from named(table, LockMode.SHARE_ROW_EXCLUSIVE)
