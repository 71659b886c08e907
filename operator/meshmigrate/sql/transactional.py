"""Which statements PostgreSQL runs only outside a transaction block."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from postgast import walk
from postgast.pg_query_pb2 import (
    AlterSubscriptionType,
    DefElem,
    Integer,
    Node,
    ReindexObjectType,
    String,
)

_ALWAYS: Final = {
    "alter_system_stmt": "ALTER SYSTEM",
    "create_table_space_stmt": "CREATE TABLESPACE",
    "createdb_stmt": "CREATE DATABASE",
    "drop_table_space_stmt": "DROP TABLESPACE",
    "dropdb_stmt": "DROP DATABASE",
}
_WHOLE_REINDEX: Final = {
    ReindexObjectType.REINDEX_OBJECT_SCHEMA: "REINDEX SCHEMA",
    ReindexObjectType.REINDEX_OBJECT_DATABASE: "REINDEX DATABASE",
    ReindexObjectType.REINDEX_OBJECT_SYSTEM: "REINDEX SYSTEM",
}
_REFRESHING: Final = {
    AlterSubscriptionType.ALTER_SUBSCRIPTION_SET_PUBLICATION,
    AlterSubscriptionType.ALTER_SUBSCRIPTION_ADD_PUBLICATION,
    AlterSubscriptionType.ALTER_SUBSCRIPTION_DROP_PUBLICATION,
}


def outside_transactions(node: Node) -> str | None:
    """Name the form of this statement that needs no transaction around it; None for all others.

    The source is PostgreSQL itself (its calls of PreventInTransactionBlock). What depends on the
    catalog cannot be seen here and is left to the server, which refuses it (25001): REINDEX or
    CLUSTER of a partitioned table, DROP or ALTER of a subscription that has a slot.
    """
    name = node.WhichOneof("node")
    if by_form := _BY_FORM.get(name):
        return by_form(getattr(node, name))
    return _ALWAYS.get(name)


def _reindex(statement: Any) -> str | None:
    if enabled(statement.params, "concurrently", default=False):
        return "REINDEX CONCURRENTLY"
    return _WHOLE_REINDEX.get(statement.kind)


def _alter_table(statement: Any) -> str | None:
    definitions = (getattr(part.alter_table_cmd, "def") for part in statement.cmds)
    detaches = any(each.partition_cmd.concurrent for each in definitions)
    return "DETACH PARTITION CONCURRENTLY" if detaches else None


def _create_index(statement: Any) -> str | None:
    if not statement.concurrent:
        return None
    return "CREATE INDEX CONCURRENTLY" + ("" if statement.idxname else " without a name")


def _vacuum(statement: Any) -> str | None:
    if not statement.is_vacuumcmd:
        return None
    return "VACUUM FULL" if enabled(statement.options, "full", default=False) else "VACUUM"


def _alter_database(statement: Any) -> str | None:
    moves = _option(statement.options, "tablespace")
    return "ALTER DATABASE SET TABLESPACE" if moves else None


def _create_subscription(statement: Any) -> str | None:
    creates_slot = all(
        enabled(statement.options, name, default=True) for name in ("connect", "create_slot")
    )
    return "CREATE SUBSCRIPTION with a replication slot" if creates_slot else None


def _alter_subscription(statement: Any) -> str | None:
    refreshes = statement.kind == AlterSubscriptionType.ALTER_SUBSCRIPTION_REFRESH or (
        statement.kind in _REFRESHING and enabled(statement.options, "refresh", default=True)
    )
    return "ALTER SUBSCRIPTION with a refresh" if refreshes else None


def _option(options: Iterable[Node], name: str) -> DefElem | None:
    return next((o.def_elem for o in options if o.def_elem.defname == name), None)


def enabled(options: Iterable[Node], name: str, *, default: bool) -> bool:
    """Read a Boolean option as PostgreSQL does (defGetBoolean): without a value it is true."""
    option = _option(options, name)
    if option is None:
        return default
    for _, value in walk(option):
        if isinstance(value, String):
            return str(value.sval).lower() not in {"false", "off"}
        if isinstance(value, Integer):
            return bool(value.ival)
    return True


_BY_FORM: Final[Mapping[str, Callable[[Any], str | None]]] = {
    "alter_database_stmt": _alter_database,
    "alter_subscription_stmt": _alter_subscription,
    "alter_table_stmt": _alter_table,
    "cluster_stmt": lambda s: None if s.HasField("relation") else "CLUSTER of all tables",
    "create_subscription_stmt": _create_subscription,
    "drop_stmt": lambda s: "DROP INDEX CONCURRENTLY" if s.concurrent else None,
    "index_stmt": _create_index,
    "reindex_stmt": _reindex,
    "vacuum_stmt": _vacuum,
}
