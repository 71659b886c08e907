"""What INSERT, UPDATE, DELETE and MERGE do to rows that are there, read from their parse trees."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from postgast import pg_query_pb2 as pg
from postgast import walk
from postgast.pg_query_pb2 import DeleteStmt, InsertStmt, MergeStmt, UpdateStmt

from meshmigrate.domain.data_change import DataChange, Loss
from meshmigrate.sql.places import place_of

_WRITES: Final = (InsertStmt, UpdateStmt, DeleteStmt, MergeStmt)


def lost(losses: Iterable[Loss]) -> DataChange | None:
    """Give the change that does nothing but lose data; None for none."""
    found = tuple(losses)
    return DataChange(losses=found) if found else None


def write(tree: Any) -> DataChange | None:
    """Say what it discards or overwrites.

    Large files are made of these: nothing is searched where there is no WITH.
    """
    if tree.HasField("with_clause"):
        return nested_write(tree)
    return lost(_written(tree))


def nested_write(tree: Any) -> DataChange | None:
    """Say what all writes in a statement do, those in its WITH too."""
    writes = (part for _, part in walk(tree) if isinstance(part, _WRITES))
    return lost(dict.fromkeys(loss for write in writes for loss in _written(write)))


def _written(tree: Any) -> Iterator[Loss]:
    if isinstance(tree, DeleteStmt):
        yield _deleted(tree.relation)
    elif isinstance(tree, UpdateStmt):
        yield from _overwritten(tree.relation, tree.target_list)
    elif isinstance(tree, InsertStmt):
        conflict = tree.on_conflict_clause
        if conflict.action == pg.ONCONFLICT_UPDATE:
            yield from _overwritten(tree.relation, conflict.target_list)
    else:
        for part in tree.merge_when_clauses:
            clause = part.merge_when_clause
            if clause.command_type == pg.CMD_DELETE:
                yield _deleted(tree.relation)
            elif clause.command_type == pg.CMD_UPDATE:
                yield from _overwritten(tree.relation, clause.target_list)


def _deleted(relation: Any) -> Loss:
    where = place_of(relation)
    return Loss(where, f"rows of {where}, deleted", deletes=True)


def _overwritten(relation: Any, targets: Iterable[Any]) -> Iterator[Loss]:
    for target in targets:
        where = place_of(relation, target.res_target.name)
        yield Loss(where, f"values of {where}, overwritten")
