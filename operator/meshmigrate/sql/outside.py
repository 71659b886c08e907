"""What a statement that needs no transaction around it does, and so what tells if it is done."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from postgast import ParseResult, deparse, walk
from postgast.pg_query_pb2 import (
    AlterSubscriptionType,
    IndexStmt,
    Node,
    PartitionCmd,
    RangeVar,
    ReindexObjectType,
)

from meshmigrate.domain.script import STAND_IN, Action, Name, Outside, SharedCatalog
from meshmigrate.sql import do_block
from meshmigrate.sql.transactional import enabled, outside_transactions

_REINDEX: Final = {
    ReindexObjectType.REINDEX_OBJECT_INDEX: Action.REINDEX_INDEX,
    ReindexObjectType.REINDEX_OBJECT_TABLE: Action.REINDEX_TABLE,
    ReindexObjectType.REINDEX_OBJECT_SCHEMA: Action.REINDEX_SCHEMA,
    ReindexObjectType.REINDEX_OBJECT_DATABASE: Action.REINDEX_DATABASE,
    ReindexObjectType.REINDEX_OBJECT_SYSTEM: Action.REINDEX_DATABASE,
}
_PUBLICATIONS: Final = {
    AlterSubscriptionType.ALTER_SUBSCRIPTION_ADD_PUBLICATION,
    AlterSubscriptionType.ALTER_SUBSCRIPTION_DROP_PUBLICATION,
}
_REPEATED: Final = Outside(Action.REPEAT)
_REPEATED_BRIEFLY: Final = Outside(Action.REPEAT, strong=True)
_UNKNOWN: Final = Outside(Action.UNKNOWN)


def outside(node: Node, text: str, *, no_transaction: bool) -> Outside | None:
    """Say what a statement does outside a transaction; None if it does not run there.

    Parameters
    ----------
    text
        The statement as written.
    no_transaction
        Whether its file says so: then also what only the catalog knows to need it, and what
        leaves nothing to tell by whether it was done.
    """
    name = node.WhichOneof("node") or ""
    tree = getattr(node, name)
    if not outside_transactions(node):
        by_request = _BY_REQUEST.get(name) if no_transaction else None
        return by_request(tree, text) if by_request else None
    effect = _EFFECTS[name](tree)
    return None if effect is _UNKNOWN and not no_transaction else effect


def _create_index(statement: Any) -> Outside | None:
    if not statement.idxname:
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
    if len(statement.objects) != 1:
        return None
    parts = tuple(part.string.sval for part in statement.objects[0].list.items)
    return Outside(Action.DROP_INDEX, object=parts, tolerant=statement.missing_ok)


def _reindex(statement: Any) -> Outside:
    if not enabled(statement.params, "concurrently", default=False):
        return _REPEATED_BRIEFLY
    action = _REINDEX[statement.kind]
    if statement.HasField("relation"):
        return Outside(action, object=_name(statement.relation))
    return Outside(action, object=(statement.name,) if statement.name else ())


def _detach_partition(statement: Any) -> Outside:
    # The grammar allows no other command beside DETACH PARTITION.
    commands = (part for _, part in walk(statement) if isinstance(part, PartitionCmd))
    return Outside(
        Action.DETACH_PARTITION,
        object=_name(next(command.name for command in commands)),
        table=_name(statement.relation),
        tolerant=statement.missing_ok,
    )


def _vacuum(statement: Any) -> Outside:
    full = enabled(statement.options, "full", default=False)
    return _REPEATED_BRIEFLY if full else _REPEATED


def _shared(
    action: Action, catalog: SharedCatalog, name: str, *, tolerant: bool = False
) -> Outside:
    return Outside(action, object=(name,), tolerant=tolerant, catalog=catalog)


def _drop_subscription(statement: Any, _: str) -> Outside:
    name, tolerant = statement.subname, statement.missing_ok
    return _shared(Action.DROP_SHARED, SharedCatalog.SUBSCRIPTION, name, tolerant=tolerant)


def _alter_subscription(statement: Any, _: str) -> Outside | None:
    # Depending on version and state some of these options change the slot at the publisher.
    options = statement.kind == AlterSubscriptionType.ALTER_SUBSCRIPTION_OPTIONS
    return _REPEATED if options else None


def _name(relation: RangeVar) -> Name:
    return tuple(part for part in (relation.schemaname, relation.relname) if part)


_CREATE: Final = Action.CREATE_SHARED
_DROP: Final = Action.DROP_SHARED
_EFFECTS: Final[Mapping[str, Callable[[Any], Outside | None]]] = {
    "alter_database_stmt": lambda _: _REPEATED,
    "alter_subscription_stmt": lambda s: _UNKNOWN if s.kind in _PUBLICATIONS else _REPEATED,
    "alter_system_stmt": lambda _: _REPEATED,
    "alter_table_stmt": _detach_partition,
    "cluster_stmt": lambda _: _REPEATED_BRIEFLY,
    "create_subscription_stmt": lambda s: _shared(_CREATE, SharedCatalog.SUBSCRIPTION, s.subname),
    "create_table_space_stmt": lambda s: _shared(
        _CREATE, SharedCatalog.TABLESPACE, s.tablespacename
    ),
    "createdb_stmt": lambda s: _shared(_CREATE, SharedCatalog.DATABASE, s.dbname),
    "drop_stmt": _drop_index,
    "drop_table_space_stmt": lambda s: _shared(
        _DROP, SharedCatalog.TABLESPACE, s.tablespacename, tolerant=s.missing_ok
    ),
    "dropdb_stmt": lambda s: _shared(
        _DROP, SharedCatalog.DATABASE, s.dbname, tolerant=s.missing_ok
    ),
    "index_stmt": _create_index,
    "reindex_stmt": _reindex,
    "vacuum_stmt": _vacuum,
}
"""Of the statements that PostgreSQL runs nowhere else."""

_BY_REQUEST: Final[Mapping[str, Callable[[Any, str], Outside | None]]] = {
    "alter_subscription_stmt": _alter_subscription,
    "call_stmt": lambda *_: _UNKNOWN,
    "cluster_stmt": lambda *_: _REPEATED_BRIEFLY,
    "do_stmt": lambda _, text: _UNKNOWN if do_block.may_end_transaction(text) else None,
    "drop_subscription_stmt": _drop_subscription,
    "reindex_stmt": lambda *_: _REPEATED_BRIEFLY,
}
"""Of those that may need it: CALL of what commits, partitioned tables, slots."""
