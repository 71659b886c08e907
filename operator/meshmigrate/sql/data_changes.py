"""What a statement does to data that is there before it, read from its parse tree.

Where the text leaves it open, data counts as lost: a change of type that may hold less, an UPDATE
that may not be undone. What code does that is not in the text (functions, EXECUTE) is not seen.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec.structs import replace
from postgast import PgQueryError, parse
from postgast import pg_query_pb2 as pg
from postgast.pg_query_pb2 import Node

from meshmigrate.domain.column_type import ColumnType
from meshmigrate.domain.data_change import (
    UNNAMED,
    DataChange,
    EnumValue,
    Loss,
    Move,
    Place,
)
from meshmigrate.sql.data_moves import moved, renamed, stands_for_others
from meshmigrate.sql.data_writes import lost, nested_write, write
from meshmigrate.sql.do_block import queries
from meshmigrate.sql.places import listed_place, place_of

_TAKES_COLUMNS: Final = {
    pg.OBJECT_TYPE: "type",
    pg.OBJECT_DOMAIN: "domain",
    pg.OBJECT_COLLATION: "collation",
}


def data_change(node: Node) -> DataChange | None:
    """Say what a statement does to data; None if it does nothing to it, as most."""
    name = node.WhichOneof("node") or ""
    by_form = _BY_FORM.get(name)
    return by_form(getattr(node, name)) if by_form else None


def do_block_change(statement: str) -> DataChange | None:
    """Say what the queries in the body of a DO do, all of them: whether they run is not known."""
    losses: dict[Loss, None] = {}
    renames: list[Place] = []
    moves: list[Move] = []
    for query in queries(statement):
        try:
            trees = parse(query).stmts
        except PgQueryError:  # an expression, or a variable of PL/pgSQL
            continue
        for change in filter(None, (data_change(tree.stmt) for tree in trees)):
            losses |= dict.fromkeys(change.losses)
            renames += change.renames
            moves += (move._replace(joins=True) for move in change.moves)
    if not (losses or renames or moves):
        return None
    return DataChange(losses=tuple(losses), renames=tuple(renames), moves=tuple(moves))


def _select(tree: Any) -> DataChange | None:
    change = nested_write(tree) if tree.HasField("with_clause") else None
    if tree.HasField("into_clause"):
        return _with_losses(_created(tree.into_clause.rel), change)
    return change


def _created_from_query(tree: Any) -> DataChange | None:
    created = _created(tree.into.rel, certainly=not tree.if_not_exists)
    return _with_losses(created, data_change(tree.query))


def _with_losses(created: DataChange | None, filled: DataChange | None) -> DataChange | None:
    """Join what a table is made of with what the query does that fills it."""
    if created is None or filled is None:
        return created or filled
    return replace(created, losses=filled.losses)


def _created(relation: Any, *, certainly: bool = True) -> DataChange | None:
    if not certainly:
        return None
    temporary = relation.relpersistence == "t" or relation.schemaname == "pg_temp"
    return DataChange(creates=(place_of(relation),), temporary=temporary)


def _created_schema(tree: Any) -> DataChange | None:
    if tree.if_not_exists or not tree.schemaname:  # that of a role is named as the role is
        return None
    return DataChange(creates=(Place(tree.schemaname, ""),))


def _altered_enum(tree: Any) -> DataChange | None:
    if tree.old_val:  # a value that is renamed can be renamed back
        return None
    return DataChange(added=EnumValue(listed_place(tree.type_name), tree.new_val))


def _altered_table(tree: Any) -> DataChange | None:
    if tree.objtype == pg.OBJECT_FOREIGN_TABLE:  # its data is elsewhere
        return None
    losses, creates, moves = [], [], []
    for part in tree.cmds:
        command = part.alter_table_cmd
        definition = getattr(command, "def").column_def
        if command.subtype == pg.AT_AddColumn and not command.missing_ok:
            creates.append(place_of(tree.relation, definition.colname))
        place = place_of(tree.relation, command.name)
        if command.subtype == pg.AT_DropColumn:
            losses.append(Loss(place, f"column {place}, dropped", deletes=True))
        elif command.subtype == pg.AT_AttachPartition:
            child = getattr(command, "def").partition_cmd.name
            moves.append(Move(place_of(child), place_of(tree.relation), joins=True))
        elif command.subtype == pg.AT_AddInherit:
            parent = getattr(command, "def").range_var
            moves.append(Move(place_of(tree.relation), place_of(parent), joins=True))
        elif command.subtype == pg.AT_AlterColumnType and _may_lose(definition):
            text = f"values of {place} as they were in their former type"
            computed = definition.HasField("raw_default")
            losses.append(Loss(place, text, _type(definition), computed))
    change = DataChange(losses=tuple(losses), creates=tuple(creates), moves=tuple(moves))
    return change if losses or creates or moves else None


def _may_lose(definition: Any) -> bool:
    new = _type(definition)
    return new is None or not new.holds_anything or bool(definition.HasField("raw_default"))


def _type(definition: Any) -> ColumnType | None:
    """Give the new type of a column; None for an array, which nobody compares."""
    kind = definition.type_name
    if kind.array_bounds:
        return None
    modifiers = tuple(part.a_const.ival.ival for part in kind.typmods)
    return ColumnType(kind.names[-1].string.sval, modifiers)


def _altered_sequence(tree: Any) -> DataChange | None:
    place = place_of(tree.sequence)
    restarts = any(option.def_elem.defname == "restart" for option in tree.options)
    return lost([Loss(place, f"the position of sequence {place}")] if restarts else [])


def _truncated(tree: Any) -> DataChange | None:
    places = [place_of(part.range_var) for part in tree.relations]
    losses = [Loss(place, f"rows of {place}, truncated", deletes=True) for place in places]
    if tree.behavior == pg.DROP_CASCADE:
        # Tables that the statement does not name are never the run's own.
        losses += [
            Loss(UNNAMED, f"rows of tables that reference {place}", deletes=True)
            for place in places
        ]
    return lost(losses)


def _dropped(tree: Any) -> DataChange | None:
    losses = tuple(_losses_of_drop(tree))
    return DataChange(losses=losses, renames=tuple(loss.place for loss in losses))


def _losses_of_drop(tree: Any) -> Iterator[Loss]:
    cascades = tree.behavior == pg.DROP_CASCADE
    for part in tree.objects:
        match tree.remove_type:
            case pg.OBJECT_TABLE:
                place = listed_place(part.list.items)
                yield Loss(place, f"table {place}, dropped", deletes=True)
            case pg.OBJECT_SEQUENCE:
                place = listed_place(part.list.items)
                yield Loss(place, f"the position of sequence {place}")
            case pg.OBJECT_SCHEMA if cascades:
                place = Place(part.string.sval, "")
                yield Loss(place, f"what was in schema {place}", deletes=True)
            case pg.OBJECT_EXTENSION:
                place = Place("", part.string.sval, kind="extension")
                yield Loss(place, f"what extension {place} kept", deletes=cascades)
            case kind if cascades and kind in _TAKES_COLUMNS:
                names = part.type_name.names or part.list.items
                place, word = listed_place(names), _TAKES_COLUMNS[kind]
                yield Loss(place, f"columns of {word} {place}, dropped with it", deletes=True)


def _dropped_database(tree: Any) -> DataChange | None:
    place = Place("", tree.dbname, kind="database")
    return lost([Loss(place, f"database {place}, dropped", deletes=True)])


_OWNED: Final = lost([Loss(UNNAMED, "what the role owned, dropped", deletes=True)])

_BY_FORM: Final[Mapping[str, Callable[[Any], DataChange | None]]] = {
    "alter_enum_stmt": _altered_enum,
    "alter_object_schema_stmt": moved,
    "alter_seq_stmt": _altered_sequence,
    "alter_table_stmt": _altered_table,
    "create_enum_stmt": lambda s: DataChange(creates=(listed_place(s.type_name),)),
    "create_foreign_table_stmt": lambda s: stands_for_others(s.base_stmt.relation),
    "create_seq_stmt": lambda s: _created(s.sequence, certainly=not s.if_not_exists),
    "create_stmt": lambda s: _created(s.relation, certainly=not s.if_not_exists),
    "create_schema_stmt": _created_schema,
    "create_table_as_stmt": _created_from_query,
    "delete_stmt": write,
    "drop_owned_stmt": lambda _: _OWNED,
    "drop_stmt": _dropped,
    "dropdb_stmt": _dropped_database,
    "explain_stmt": lambda s: data_change(s.query),
    "insert_stmt": write,
    "merge_stmt": write,
    "rename_stmt": renamed,
    "select_stmt": _select,
    "truncate_stmt": _truncated,
    "update_stmt": write,
    "view_stmt": lambda s: stands_for_others(s.view),
}
