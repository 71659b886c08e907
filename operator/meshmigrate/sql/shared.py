"""Which statements change what all databases of a server share, whichever they are run in.

The source is PostgreSQL itself: its shared catalogs (manual, "System Catalogs"), and what its
statements do to them. What a DO block or a function does cannot be seen here.
"""

from typing import Final

from postgast.pg_query_pb2 import Node, ObjectType

_ALWAYS: Final = {
    "alter_database_refresh_coll_stmt",
    "alter_database_set_stmt",
    "alter_database_stmt",
    "alter_role_set_stmt",
    "alter_role_stmt",
    "alter_subscription_stmt",
    "alter_system_stmt",
    "alter_table_space_options_stmt",
    "create_role_stmt",
    "create_subscription_stmt",
    "create_table_space_stmt",
    "createdb_stmt",
    "drop_owned_stmt",
    "drop_role_stmt",
    "drop_subscription_stmt",
    "drop_table_space_stmt",
    "dropdb_stmt",
    "grant_role_stmt",
    "reassign_owned_stmt",
}
_SHARED: Final = {
    ObjectType.OBJECT_DATABASE,
    ObjectType.OBJECT_PARAMETER_ACL,
    ObjectType.OBJECT_ROLE,
    ObjectType.OBJECT_SUBSCRIPTION,
    ObjectType.OBJECT_TABLESPACE,
}
_BY_OBJECT: Final = {
    "alter_owner_stmt": "object_type",
    "comment_stmt": "objtype",
    "grant_stmt": "objtype",
    "rename_stmt": "rename_type",
    "sec_label_stmt": "objtype",
}
"""Where those name what they change that have a form for each kind of object."""


def changes_server(node: Node) -> bool:
    """Tell whether a statement changes roles, databases, tablespaces, subscriptions or settings.

    A subscription belongs to a database, which cannot be dropped any more while it has one.
    """
    name = node.WhichOneof("node") or ""
    kind = _BY_OBJECT.get(name)
    return name in _ALWAYS or (kind is not None and getattr(getattr(node, name), kind) in _SHARED)
