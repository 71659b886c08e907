"""A script as statements, each with its place and its parse tree."""

from collections.abc import Iterator
from typing import NamedTuple

from postgast.pg_query_pb2 import Node

from meshmigrate.domain.script import Script, Statement
from meshmigrate.sql.classify import command_tag
from meshmigrate.sql.data_changes import data_change, do_block_change
from meshmigrate.sql.demands import demand
from meshmigrate.sql.parse import Piece, parse_script
from meshmigrate.sql.table_locks import table_locks


class Parsed(NamedTuple):
    """A statement and its parse tree."""

    statement: Statement
    node: Node


def split(script: Script) -> Iterator[Parsed]:
    """Give the statements in order.

    Raises
    ------
    Refusal
        ``SyntaxError`` or ``PsqlMetaCommand``, behind the last statement that is whole.
    """
    for piece in parse_script(script):
        yield from _statements(piece)


def _statements(piece: Piece) -> Iterator[Parsed]:
    # The tree counts UTF-8 bytes, everything else characters; counting on from the statement
    # before keeps the work proportional to the text.
    raw = piece.text.encode()
    position, offset = 0, piece.offset
    for found in piece.tree.stmts:
        start = found.stmt_location
        end = start + found.stmt_len if found.stmt_len else len(raw)
        offset += len(raw[position:start].decode())
        position = start
        text = raw[start:end].decode().rstrip()
        tree = found.stmt
        change = do_block_change(text) if tree.HasField("do_stmt") else data_change(tree)
        statement = Statement(
            text,
            command_tag(tree),
            offset,
            locks=table_locks(tree),
            change=change,
            demand=demand(tree),
        )
        yield Parsed(statement, tree)
