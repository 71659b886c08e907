"""Which rights a statement needs, read from its parse tree.

Less may be found than is needed, never more: what is found is refused before anything runs. The
source is PostgreSQL itself (its calls of object_aclcheck and object_ownercheck).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from postgast import walk
from postgast.pg_query_pb2 import FuncCall, Node, RangeVar, VariableSetKind

from meshmigrate.domain.privilege import Demand, Kind, Need, Obscures, Right
from meshmigrate.sql.demands_of_alter import alter_table, foreign_keys, member_of
from meshmigrate.sql.demands_of_changes import (
    ALL,
    CREATE_IN_DATABASE,
    drop,
    give,
    grant,
    move,
    rename,
)
from meshmigrate.sql.demands_of_names import Names, create_in, needs_of_names, on, words
from meshmigrate.sql.lockless import LOCK_NO_TABLE

_CHANGE_RIGHTS: Final = {
    "alter_role_stmt",
    "create_role_stmt",
    "drop_role_stmt",
    "grant_role_stmt",
}
_WITHOUT_NEEDS: Final = {"vacuum_stmt", "lock_stmt", "check_point_stmt", "alter_domain_stmt"}
_WRITES: Final = {
    "insert_stmt": Right.INSERT,
    "update_stmt": Right.UPDATE,
    "delete_stmt": Right.DELETE,
}


def demand(node: Node) -> Demand:
    """Say what a statement needs to be allowed, and what it changes for those behind it.

    A statement that nobody has thought about may change everything.
    """
    name = node.WhichOneof("node") or ""
    tree = getattr(node, name)
    if name == "insert_stmt" and tree.select_stmt.select_stmt.values_lists:
        # Large files are made of these: nothing is searched, and equal values are one object.
        return _inserted(tree.relation.schemaname, tree.relation.relname)
    if right := _WRITES.get(name):
        sources = () if tree.HasField("with_clause") else tuple(_sources(name, tree))
        return _written(right, tree.relation.schemaname, tree.relation.relname, sources)
    if name in _CHANGE_RIGHTS:
        return ALL
    if by_form := _BY_FORM.get(name):
        return by_form(tree)
    known = name in LOCK_NO_TABLE or name in _WITHOUT_NEEDS
    return Demand() if known else ALL


@lru_cache(maxsize=256)
def _inserted(schema: str, name: str) -> Demand:
    return Demand((Need(Kind.RELATION, Right.INSERT, schema, name),))


@lru_cache(maxsize=256)
def _written(right: Right, schema: str, name: str, sources: tuple[Need, ...]) -> Demand:
    return Demand((Need(Kind.RELATION, right, schema, name), *sources))


def _sources(name: str, tree: Any) -> Iterator[Need]:
    if name == "insert_stmt":
        select = tree.select_stmt.select_stmt
        return _read_by(select)
    return _read_from(tree.from_clause if name == "update_stmt" else tree.using_clause)


def _read_by(select: Any) -> Iterator[Need]:
    """Give what a plain SELECT reads; with WITH or set operations that is left to the server."""
    if not select.HasField("with_clause"):
        yield from _read_from(select.from_clause)


def _read_from(clause: Iterable[Node]) -> Iterator[Need]:
    for item in clause:
        if item.HasField("range_var"):
            yield on(item.range_var, Right.SELECT)
        elif item.HasField("join_expr"):
            yield from _read_from((item.join_expr.larg, item.join_expr.rarg))


def _select(tree: Any) -> Demand:
    if tree.HasField("into_clause") or tree.HasField("with_clause"):
        return ALL
    for _, part in walk(tree):
        if isinstance(part, FuncCall):
            called = words(part.funcname)
            if called[-1] == "set_config":
                path = any(text == "search_path" for text in _constants(part))
                return Demand(obscures=Obscures.NAMES if path else Obscures.FILE)
            if called[0] != "pg_catalog":
                return ALL
    return Demand(tuple(_read_by(tree)))


def _constants(call: Any) -> Iterator[str]:
    for argument in call.args[:1]:
        yield argument.a_const.sval.sval


def _set(tree: Any) -> Demand:
    if tree.kind == VariableSetKind.VAR_RESET_ALL or tree.name == "search_path":
        return Demand(obscures=Obscures.NAMES)
    changes = tree.name in {"role", "session_authorization"}
    return Demand(obscures=Obscures.FILE if changes else Obscures.NOTHING)


def _made(relation: RangeVar, *more: Need) -> Demand:
    """Give the demand of what makes a relation; a temporary one is in a schema of its own."""
    temporary = relation.relpersistence == "t" or relation.schemaname == "pg_temp"
    needs = () if temporary else (create_in(relation.schemaname),)
    return Demand((*needs, *more), changed=(relation.relname,))


def _create_table(tree: Any) -> Demand:
    parents = (on(parent.range_var, Right.OWN) for parent in tree.inh_relations)
    return _made(tree.relation, *parents, *foreign_keys(tree.table_elts))


def _create_table_as(tree: Any) -> Demand:
    select = tree.query.select_stmt
    calls = any(isinstance(part, FuncCall) for _, part in walk(select))
    if tree.into.skip_data or calls or not tree.query.HasField("select_stmt"):
        return _made(tree.into.rel)
    return _made(tree.into.rel, *_read_by(select))


def _view(tree: Any) -> Demand:
    return _made(tree.view, *((on(tree.view, Right.REPLACE),) if tree.replace else ()))


def _named(names: Callable[[Any], Names]) -> Callable[[Any], Demand]:
    """Make the rule of statements that make what is named by a list of words."""

    def rule(tree: Any) -> Demand:
        found = words(names(tree))
        return Demand((create_in(found[-2] if len(found) > 1 else ""),), changed=(found[-1],))

    return rule


def _on_relation(right: Right, field: str = "relation") -> Callable[[Any], Demand]:
    """Make the rule of statements about the one relation they name."""

    def rule(tree: Any) -> Demand:
        relation = getattr(tree, field)
        return Demand((on(relation, right),) if relation.relname else ())

    return rule


def _create_schema(tree: Any) -> Demand:
    given = member_of(tree.authrole) if tree.HasField("authrole") else ()
    name = tree.schemaname or tree.authrole.rolename
    return Demand((CREATE_IN_DATABASE, *given), schemas=(name,))


def _truncate(tree: Any) -> Demand:
    return Demand(tuple(on(part.range_var, Right.TRUNCATE) for part in tree.relations))


def _statistics(tree: Any) -> Demand:
    return Demand(tuple(on(part.range_var, Right.OWN) for part in tree.relations))


_BY_FORM: Final[Mapping[str, Callable[[Any], Demand]]] = {
    "alter_enum_stmt": lambda s: _named_type(s.type_name),
    "alter_function_stmt": lambda s: Demand(
        tuple(needs_of_names(s.objtype, Node(object_with_args=s.func), Right.OWN))
    ),
    "alter_object_schema_stmt": move,
    "alter_owner_stmt": give,
    "alter_policy_stmt": _on_relation(Right.OWN, "table"),
    "alter_seq_stmt": _on_relation(Right.OWN, "sequence"),
    "alter_table_stmt": alter_table,
    "cluster_stmt": _on_relation(Right.MAINTAIN),
    "comment_stmt": lambda s: Demand(tuple(needs_of_names(s.objtype, s.object, Right.OWN))),
    "composite_type_stmt": lambda s: _made(s.typevar),
    "copy_stmt": lambda s: _on_relation(Right.INSERT if s.is_from else Right.SELECT)(s),
    "create_domain_stmt": _named(lambda s: s.domainname),
    "create_enum_stmt": _named(lambda s: s.type_name),
    "create_extension_stmt": lambda s: Demand((Need(Kind.EXTENSION, Right.CREATE, "", s.extname),)),
    "create_function_stmt": _named(lambda s: s.funcname),
    "create_policy_stmt": _on_relation(Right.OWN, "table"),
    "create_range_stmt": _named(lambda s: s.type_name),
    "create_schema_stmt": _create_schema,
    "create_seq_stmt": lambda s: _made(s.sequence),
    "create_stats_stmt": _statistics,
    "create_stmt": _create_table,
    "create_table_as_stmt": _create_table_as,
    "create_trig_stmt": _on_relation(Right.TRIGGER),
    "define_stmt": _named(lambda s: s.defnames),
    "drop_stmt": drop,
    "grant_stmt": grant,
    "index_stmt": _on_relation(Right.OWN),
    "refresh_mat_view_stmt": _on_relation(Right.MAINTAIN),
    "reindex_stmt": _on_relation(Right.MAINTAIN),
    "rename_stmt": rename,
    "rule_stmt": _on_relation(Right.OWN),
    "select_stmt": _select,
    "truncate_stmt": _truncate,
    "variable_set_stmt": _set,
    "view_stmt": _view,
}


def _named_type(names: Names) -> Demand:
    found = words(names)
    schema = found[-2] if len(found) > 1 else ""
    return Demand((Need(Kind.TYPE, Right.OWN, schema, found[-1]),))
