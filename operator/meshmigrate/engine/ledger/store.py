"""Where the ledger is: a connection and the name of a schema."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString, NamedTuple

from psycopg import ClientCursor, Cursor
from psycopg.pq import Escaping
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier

from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import WorkingConnection, defer, prepare


class Bound(NamedTuple):
    """A statement that each file needs, with its values."""

    query: LiteralString
    parameters: Mapping[str, Any]
    literals: bytes
    """Its values as a list."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """One ledger: its schema is one history.

    Parameters
    ----------
    write_back
        Whether what is applied is written into the history of Supabase's command line too.
    """

    connection: Connection
    schema: str
    write_back: bool = False

    def execute(
        self,
        query: LiteralString,
        parameters: Mapping[str, Any] | None = None,
        **fragments: Composable,
    ) -> Cursor[TupleRow]:
        """Run a statement in which ``{ledger}`` stands for the quoted schema.

        Parameters
        ----------
        fragments
            What other names in braces stand for.
        """
        return self.connection.execute(self._bound(query, parameters, fragments))

    def write(
        self,
        query: LiteralString,
        parameters: Mapping[str, Any] | None = None,
        **fragments: Composable,
    ) -> None:
        """Run a statement whose answer nobody needs together with the next one, at the COMMIT."""
        defer(self.connection, self._bound(query, parameters, fragments) + b";")

    def write_often(self, query: LiteralString, parameters: Mapping[str, Any]) -> None:
        """Do as ``write`` with a statement that each file needs: it is planned once."""
        self.write_bound(self.bind(query, parameters))

    def bind(self, query: LiteralString, parameters: Mapping[str, Any]) -> Bound:
        """Put values into a statement that each file needs; nothing is asked of the server."""
        _, names = _numbered(query, self.schema)
        values = (_literal(self.connection, parameters[each]) for each in names)
        return Bound(query, parameters, b", ".join(values))

    def write_bound(self, bound: Bound) -> None:
        """Do as ``write_often``, the values being bound already."""
        defer(self.connection, self._often(bound) + b";")

    def row_often(self, query: LiteralString, parameters: Mapping[str, Any]) -> TupleRow:
        """Do as ``row`` with a statement that each file needs: it is planned once."""
        return self._one(self.connection.execute(self._often(self.bind(query, parameters))))

    def _often(self, bound: Bound) -> bytes:
        # Prepared statements are ours alone only while no script has touched the session.
        connection = self.connection
        if not (isinstance(connection, WorkingConnection) and connection.at_baseline):
            return self._bound(bound.query, bound.parameters, {})
        name = prepare(connection, _numbered(bound.query, self.schema)[0]).encode()
        return b"EXECUTE %b (%b)" % (name, bound.literals) if bound.literals else b"EXECUTE " + name

    def _bound(
        self,
        query: LiteralString,
        parameters: Mapping[str, Any] | None,
        fragments: Mapping[str, Composable],
    ) -> bytes:
        # Bound here and not by the server, as a message with parameters holds one statement.
        if fragments:
            ledger = Identifier(self.schema)
            composed = SQL(query).format(ledger=ledger, **fragments).as_bytes(self.connection)
        else:
            composed = _composed(query, self.schema)
        if parameters is None:
            return composed
        return ClientCursor(self.connection).mogrify(composed, parameters).encode()

    def row(self, query: LiteralString, parameters: Mapping[str, Any] | None = None) -> TupleRow:
        """Give the one row of a statement that always has one."""
        return self._one(self.execute(query, parameters))

    def _one(self, cursor: Cursor[TupleRow]) -> TupleRow:
        row = cursor.fetchone()
        if row is None:
            raise RuntimeError(f"the ledger {self.schema} lacks a row that it always has")
        return row


def _literal(connection: Connection, value: object) -> bytes:
    if value is None:
        return b"NULL"
    text = str(value).encode()
    if b"'" in text or b"\\" in text:
        return Escaping(connection.pgconn).escape_literal(text)
    return b"'%b'" % text


@lru_cache(maxsize=256)
def _composed(query: LiteralString, schema: str) -> bytes:
    return SQL(query).format(ledger=Identifier(schema)).as_bytes()


@lru_cache(maxsize=16)
def _numbered(query: LiteralString, schema: str) -> tuple[bytes, tuple[str, ...]]:
    """Give a statement with numbers for its parameters, and their names in that order."""
    names = tuple(dict.fromkeys(re.findall(r"%\((\w+)\)s", query)))
    numbers = {name: f"${number}" for number, name in enumerate(names, 1)}
    return (_composed(query, schema).decode() % numbers).encode(), names
