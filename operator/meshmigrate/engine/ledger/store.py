"""Where the ledger is: a connection and the name of a schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, LiteralString

from psycopg import ClientCursor, Cursor
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier

from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import defer


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
        row = self.execute(query, parameters).fetchone()
        if row is None:
            raise RuntimeError(f"the ledger {self.schema} lacks a row that it always has")
        return row


@lru_cache(maxsize=256)
def _composed(query: LiteralString, schema: str) -> bytes:
    return SQL(query).format(ledger=Identifier(schema)).as_bytes()
