"""What a statement does to data that is there before it, read from its parse tree.

Where the text leaves it open, data counts as lost: a change of type that may hold less, an UPDATE
that may not be undone. What code does that is not in the text (functions, EXECUTE) is not seen.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from postgast import PgQueryError, parse, walk
from postgast.pg_query_pb2 import (
    AlterTableType,
    CmdType,
    DeleteStmt,
    DropBehavior,
    InsertStmt,
    MergeStmt,
    Node,
    ObjectType,
    OnConflictAction,
    UpdateStmt,
)

from meshmigrate.domain.data_change import DataChange, EnumValue, Loss, Place
from meshmigrate.sql.do_block import queries

_WRITES: Final = (InsertStmt, UpdateStmt, DeleteStmt, MergeStmt)
_UNBOUNDED: Final = {"text", "varchar"}
"""Types that hold whatever another type held, in writing."""
_TAKES_COLUMNS: Final = {
    ObjectType.OBJECT_TYPE: "type",
    ObjectType.OBJECT_DOMAIN: "domain",
    ObjectType.OBJECT_COLLATION: "collation",
}


def data_change(node: Node) -> DataChange | None:
    """Say what a statement does to data; None if it does nothing to it, as most."""
    name = node.WhichOneof("node") or ""
    by_form = _BY_FORM.get(name)
    return by_form(getattr(node, name)) if by_form else None


def do_block_change(statement: str) -> DataChange | None:
    """Say what the queries in the body of a DO do, all of them: whether they run is not known."""
    losses: dict[Loss, None] = {}
    for query in queries(statement):
        try:
            trees = parse(query).stmts
        except PgQueryError:  # an expression, or a variable of PL/pgSQL
            continue
        for tree in trees:
            change = data_change(tree.stmt)
            losses |= dict.fromkeys(change.losses if change else ())
    return _lost(losses)


def _lost(losses: Iterable[Loss]) -> DataChange | None:
    found = tuple(losses)
    return DataChange(losses=found) if found else None


def _place(relation: Any, column: str = "") -> Place:
    return Place(relation.schemaname, relation.relname, column)


def _listed(names: Iterable[Any]) -> Place:
    words = [part.string.sval for part in names]
    return Place(words[-2] if len(words) > 1 else "", words[-1])


def _write(tree: Any) -> DataChange | None:
    """Large files are made of these: nothing is searched where there is no WITH."""
    if tree.HasField("with_clause"):
        return _nested(tree)
    return _lost(_written(tree))


def _nested(tree: Any) -> DataChange | None:
    writes = (part for _, part in walk(tree) if isinstance(part, _WRITES))
    return _lost(dict.fromkeys(loss for write in writes for loss in _written(write)))


def _written(tree: Any) -> Iterator[Loss]:
    if isinstance(tree, DeleteStmt):
        yield _deleted(tree.relation)
    elif isinstance(tree, UpdateStmt):
        yield from _overwritten(tree.relation, tree.target_list)
    elif isinstance(tree, InsertStmt):
        conflict = tree.on_conflict_clause
        if conflict.action == OnConflictAction.ONCONFLICT_UPDATE:
            yield from _overwritten(tree.relation, conflict.target_list)
    else:
        for part in tree.merge_when_clauses:
            clause = part.merge_when_clause
            if clause.command_type == CmdType.CMD_DELETE:
                yield _deleted(tree.relation)
            elif clause.command_type == CmdType.CMD_UPDATE:
                yield from _overwritten(tree.relation, clause.target_list)


def _deleted(relation: Any) -> Loss:
    place = _place(relation)
    return Loss(place, f"rows of {place}, deleted")


def _overwritten(relation: Any, targets: Iterable[Any]) -> Iterator[Loss]:
    for target in targets:
        place = _place(relation, target.res_target.name)
        yield Loss(place, f"values of {place}, overwritten")


def _select(tree: Any) -> DataChange | None:
    if tree.HasField("into_clause"):
        return _created(tree.into_clause.rel)
    return _nested(tree) if tree.HasField("with_clause") else None


def _created(relation: Any, *, certainly: bool = True) -> DataChange | None:
    if not certainly:
        return None
    temporary = relation.relpersistence == "t" or relation.schemaname == "pg_temp"
    return DataChange(creates=(_place(relation),), temporary=temporary)


def _altered_enum(tree: Any) -> DataChange | None:
    if tree.old_val:  # a value that is renamed can be renamed back
        return None
    return DataChange(added=EnumValue(_listed(tree.type_name), tree.new_val))


def _altered_table(tree: Any) -> DataChange | None:
    if tree.objtype == ObjectType.OBJECT_FOREIGN_TABLE:  # its data is elsewhere
        return None
    losses, creates = [], []
    for part in tree.cmds:
        command = part.alter_table_cmd
        definition = getattr(command, "def").column_def
        if command.subtype == AlterTableType.AT_AddColumn and not command.missing_ok:
            creates.append(_place(tree.relation, definition.colname))
        place = _place(tree.relation, command.name)
        if command.subtype == AlterTableType.AT_DropColumn:
            losses.append(Loss(place, f"column {place}, dropped"))
        elif command.subtype == AlterTableType.AT_AlterColumnType and _may_lose(definition):
            losses.append(Loss(place, f"values of {place} as they were in their former type"))
    change = DataChange(losses=tuple(losses), creates=tuple(creates))
    return change if losses or creates else None


def _may_lose(definition: Any) -> bool:
    kind = definition.type_name
    unbounded = kind.names[-1].string.sval in _UNBOUNDED and not kind.typmods
    return bool(definition.HasField("raw_default")) or not unbounded


def _altered_sequence(tree: Any) -> DataChange | None:
    place = _place(tree.sequence)
    restarts = any(option.def_elem.defname == "restart" for option in tree.options)
    return _lost([Loss(place, f"the position of sequence {place}")] if restarts else [])


def _truncated(tree: Any) -> DataChange | None:
    places = [_place(part.range_var) for part in tree.relations]
    losses = [Loss(place, f"rows of {place}, truncated") for place in places]
    if tree.behavior == DropBehavior.DROP_CASCADE:
        # Tables that the statement does not name are never the run's own.
        losses += [Loss(Place("", ""), f"rows of tables that reference {p}") for p in places]
    return _lost(losses)


def _dropped(tree: Any) -> DataChange | None:
    losses = tuple(_losses_of_drop(tree))
    return DataChange(losses=losses, renames=tuple(loss.place for loss in losses))


def _losses_of_drop(tree: Any) -> Iterator[Loss]:
    cascades = tree.behavior == DropBehavior.DROP_CASCADE
    for part in tree.objects:
        match tree.remove_type:
            case ObjectType.OBJECT_TABLE:
                place = _listed(part.list.items)
                yield Loss(place, f"table {place}, dropped")
            case ObjectType.OBJECT_SEQUENCE:
                place = _listed(part.list.items)
                yield Loss(place, f"the position of sequence {place}")
            case ObjectType.OBJECT_SCHEMA if cascades:
                yield Loss(Place("", ""), f"what was in schema {part.string.sval}")
            case ObjectType.OBJECT_EXTENSION:
                yield Loss(Place("", ""), f"what extension {part.string.sval} kept")
            case kind if cascades and kind in _TAKES_COLUMNS:
                names = part.type_name.names or part.list.items
                place, word = _listed(names), _TAKES_COLUMNS[kind]
                yield Loss(place, f"columns of {word} {place}, dropped with it")


def _renamed(tree: Any) -> DataChange | None:
    if not tree.HasField("relation"):
        return None
    relation, new = tree.relation, tree.newname
    if tree.rename_type == ObjectType.OBJECT_COLUMN:
        return DataChange(renames=(_place(relation, tree.subname), _place(relation, new)))
    return DataChange(renames=(_place(relation), Place(relation.schemaname, new)))


def _moved(tree: Any) -> DataChange | None:
    if not tree.HasField("relation"):
        return None
    relation = tree.relation
    return DataChange(renames=(_place(relation), Place(tree.newschema, relation.relname)))


_BY_FORM: Final[Mapping[str, Callable[[Any], DataChange | None]]] = {
    "alter_enum_stmt": _altered_enum,
    "alter_object_schema_stmt": _moved,
    "alter_seq_stmt": _altered_sequence,
    "alter_table_stmt": _altered_table,
    "create_enum_stmt": lambda s: DataChange(creates=(_listed(s.type_name),)),
    "create_seq_stmt": lambda s: _created(s.sequence, certainly=not s.if_not_exists),
    "create_stmt": lambda s: _created(s.relation, certainly=not s.if_not_exists),
    "create_table_as_stmt": lambda s: _created(s.into.rel, certainly=not s.if_not_exists),
    "delete_stmt": _write,
    "drop_owned_stmt": lambda _: _lost([Loss(Place("", ""), "what the role owned, dropped")]),
    "drop_stmt": _dropped,
    "explain_stmt": lambda s: data_change(s.query),
    "insert_stmt": _write,
    "merge_stmt": _write,
    "rename_stmt": _renamed,
    "select_stmt": _select,
    "truncate_stmt": _truncated,
    "update_stmt": _write,
}
