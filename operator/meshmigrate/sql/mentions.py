"""What a script may touch, read from its parse trees: more than it does rather than less."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from postgast import walk
from postgast.pg_query_pb2 import (
    DropBehavior,
    FuncCall,
    GrantTargetType,
    Node,
    ObjectType,
    RangeVar,
)

from meshmigrate.domain.script import Script
from meshmigrate.sql.split import split

_PLAIN: Final = frozenset(
    {
        "alter_domain_stmt",
        "alter_enum_stmt",
        "alter_function_stmt",
        "alter_object_schema_stmt",
        "alter_owner_stmt",
        "alter_policy_stmt",
        "alter_seq_stmt",
        "alter_stats_stmt",
        "alter_table_stmt",
        "cluster_stmt",
        "comment_stmt",
        "composite_type_stmt",
        "constraints_set_stmt",
        "create_domain_stmt",
        "create_enum_stmt",
        "create_function_stmt",
        "create_policy_stmt",
        "create_range_stmt",
        "create_schema_stmt",
        "create_seq_stmt",
        "create_stats_stmt",
        "create_stmt",
        "create_trig_stmt",
        "drop_stmt",
        "grant_stmt",
        "index_stmt",
        "lock_stmt",
        "notify_stmt",
        "refresh_mat_view_stmt",
        "reindex_stmt",
        "rename_stmt",
        "rule_stmt",
        "truncate_stmt",
        "vacuum_stmt",
        "variable_set_stmt",
        "variable_show_stmt",
        "view_stmt",
    }
)
"""Statements that change nothing but what they name, and what belongs to it."""

_CALLING: Final = frozenset(
    {
        "copy_stmt",
        "create_table_as_stmt",
        "delete_stmt",
        "insert_stmt",
        "merge_stmt",
        "select_stmt",
        "update_stmt",
    }
)
"""Statements that do too, but for the functions that they call."""

_KINDS: Final = {
    ObjectType.OBJECT_ATTRIBUTE,
    ObjectType.OBJECT_COLUMN,
    ObjectType.OBJECT_DOMAIN,
    ObjectType.OBJECT_DOMCONSTRAINT,
    ObjectType.OBJECT_FOREIGN_TABLE,
    ObjectType.OBJECT_FUNCTION,
    ObjectType.OBJECT_INDEX,
    ObjectType.OBJECT_MATVIEW,
    ObjectType.OBJECT_POLICY,
    ObjectType.OBJECT_PROCEDURE,
    ObjectType.OBJECT_ROUTINE,
    ObjectType.OBJECT_RULE,
    ObjectType.OBJECT_SCHEMA,
    ObjectType.OBJECT_SEQUENCE,
    ObjectType.OBJECT_STATISTIC_EXT,
    ObjectType.OBJECT_TABCONSTRAINT,
    ObjectType.OBJECT_TABLE,
    ObjectType.OBJECT_TRIGGER,
    ObjectType.OBJECT_TYPE,
    ObjectType.OBJECT_VIEW,
}
"""Kinds of objects that are words, or lists of words, and are listed by them."""

_KIND_FIELDS: Final = ("remove_type", "objtype", "object_type", "rename_type")


@dataclass(frozen=True, slots=True)
class Mentions:
    """What scripts name, and whether that is all they may touch.

    Parameters
    ----------
    names
        Every word of theirs that can be a name, without schemas of tables.
    functions
        Functions that they call, by their last name.
    anything
        Whether they may touch what they do not name: DO, CALL, CASCADE, extensions, roles.
    """

    names: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    anything: bool = False

    def __or__(self, other: "Mentions") -> "Mentions":
        return Mentions(
            self.names | other.names,
            self.functions | other.functions,
            self.anything or other.anything,
        )


def mentions(script: Script) -> Mentions:
    """Collect what a script may touch.

    Raises
    ------
    Refusal
        If it cannot be parsed.
    """
    found = Mentions()
    for _, node in split(script):
        found |= _of_statement(node)
    return found


def _of_statement(node: Node) -> Mentions:
    name = node.WhichOneof("node")
    parts = [part for _, part in walk(node)]
    functions = (part for part in parts if isinstance(part, FuncCall) and name in _CALLING)
    return Mentions(
        frozenset(word for part in parts for word in _words(part)),
        frozenset(part.funcname[-1].string.sval for part in functions),
        name not in _PLAIN | _CALLING or any(map(_reaches_further, parts)),
    )


def _words(part: Any) -> Iterator[str]:
    for field, value in part.ListFields():
        if isinstance(value, str) and not (isinstance(part, RangeVar) and field.name != "relname"):
            yield value


def _reaches_further(part: Any) -> bool:
    """Whether it goes beyond the names: CASCADE, all of a schema, what is not named by words."""
    return (
        getattr(part, "behavior", None) == DropBehavior.DROP_CASCADE
        or getattr(part, "rename_type", None) == ObjectType.OBJECT_SCHEMA
        or getattr(part, "targtype", GrantTargetType.ACL_TARGET_OBJECT)
        != GrantTargetType.ACL_TARGET_OBJECT
        or any(getattr(part, name, ObjectType.OBJECT_TABLE) not in _KINDS for name in _KIND_FIELDS)
    )
