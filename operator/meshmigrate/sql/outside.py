"""What a statement that needs no transaction around it does, so that it can be looked up."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from postgast import ParseResult, deparse, walk
from postgast.pg_query_pb2 import IndexStmt, Node, PartitionCmd, RangeVar, ReindexObjectType

from meshmigrate.domain.script import STAND_IN, Action, Name, Outside
from meshmigrate.sql.transactional import enabled

_REINDEX: Final = {
    ReindexObjectType.REINDEX_OBJECT_INDEX: Action.REINDEX_INDEX,
    ReindexObjectType.REINDEX_OBJECT_TABLE: Action.REINDEX_TABLE,
}


def outside(node: Node) -> Outside | None:
    """Say what a statement does outside a transaction; None if its effect cannot be looked up."""
    name = node.WhichOneof("node") or ""
    effect = _EFFECTS.get(name)
    return effect(getattr(node, name)) if effect else None


def _create_index(statement: Any) -> Outside | None:
    if not (statement.concurrent and statement.idxname):
        return None
    return Outside(
        Action.CREATE_INDEX,
        object=(statement.idxname,),
        table=_name(statement.relation),
        tolerant=statement.if_not_exists,
        definition=_definition(statement),
    )


def _definition(statement: IndexStmt) -> str:
    tree = ParseResult()
    copy = tree.stmts.add().stmt.index_stmt
    copy.CopyFrom(statement)
    copy.concurrent = copy.if_not_exists = False
    copy.relation.catalogname, copy.relation.schemaname = "", STAND_IN
    return str(deparse(tree))


def _drop_index(statement: Any) -> Outside | None:
    if not statement.concurrent or len(statement.objects) != 1:
        return None
    parts = tuple(part.string.sval for part in statement.objects[0].list.items)
    return Outside(Action.DROP_INDEX, object=parts, tolerant=statement.missing_ok)


def _reindex(statement: Any) -> Outside | None:
    action = _REINDEX.get(statement.kind)
    if action is None or not enabled(statement.params, "concurrently", default=False):
        return None
    return Outside(action, object=_name(statement.relation))


def _alter_table(statement: Any) -> Outside | None:
    # The grammar allows no other command beside DETACH PARTITION.
    commands = (part for _, part in walk(statement) if isinstance(part, PartitionCmd))
    partition = next((command for command in commands if command.concurrent), None)
    if partition is None:
        return None
    return Outside(
        Action.DETACH_PARTITION,
        object=_name(partition.name),
        table=_name(statement.relation),
        tolerant=statement.missing_ok,
    )


def _vacuum(statement: Any) -> Outside | None:
    full = enabled(statement.options, "full", default=False)
    return Outside(Action.VACUUM) if statement.is_vacuumcmd and not full else None


def _name(relation: RangeVar) -> Name:
    return tuple(part for part in (relation.schemaname, relation.relname) if part)


_EFFECTS: Final[Mapping[str, Callable[[Any], Outside | None]]] = {
    "alter_table_stmt": _alter_table,
    "drop_stmt": _drop_index,
    "index_stmt": _create_index,
    "reindex_stmt": _reindex,
    "vacuum_stmt": _vacuum,
}
