"""Statements of our own that need no answer: they travel in front of the next one that does.

A file needs some ten statements of ours around its own, and waiting for the answer to each of
them takes longer than running them. A message is run in order and ends at its first error, so
nothing after a deferred statement that fails is run (PostgreSQL manual, "Multiple Statements in
a Simple Query").
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final, Self, TypeVar, cast

import psycopg
from psycopg.abc import Params, PQGen, Query, QueryNoTemplate
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow
from psycopg.sql import Composable

from meshmigrate.engine.silence import Allowance, answered

BEGIN: Final = b"BEGIN;"
COMMIT: Final = b"COMMIT;"
PREPARED: Final = (
    b"SELECT p.name, p.prepare_time::text FROM pg_catalog.pg_prepared_statement() AS p"
)
"""What is prepared in the session, by whomever; our own settings must be in force."""

T = TypeVar("T")


@dataclass(slots=True)
class Prepared:
    """The statements that are prepared in the session: ours, and what the server said of them."""

    names: dict[bytes, str] = field(default_factory=dict)
    """By their texts."""
    seen: frozenset[TupleRow] = frozenset()
    """Names, and the moments of their preparation: whoever replaces one cannot give it the same."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The locks as they were behind a COMMIT: which ones others held on tables, and ours.

    Nobody else sends anything in this session, so the lock is given back by a script or not at
    all: what was seen behind one script is so in front of the next.
    """

    modes: frozenset[str]
    holds_lock: bool
    """Whether this session held the migration lock then."""
    at: float
    """By the monotonic clock, in seconds."""


class WorkingConnection(psycopg.Connection[TupleRow]):
    """A connection that keeps what waits to be sent, and knows who has touched its session."""

    answers: Sequence[PGresult] = ()
    """What statements of ours answered that were sent in front of a script's."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.cursor_factory = JoiningCursor
        self.waiting: list[bytes] = []
        self.at_baseline = False
        """Whether nobody but us has touched the session since it was reset."""
        self.prepared = Prepared()
        self.sight: Sight | None = None
        self.meanwhile: Callable[[], object] | None = None
        """What is done once, while the next answer is on its way: it needs none itself."""
        self.allowed = Allowance()
        self.monotonic: Callable[[], float] = time.monotonic
        """The clock by which a server is silent for too long, in seconds."""

    def wait(self, gen: PQGen[T], *arguments: Any, **keywords: Any) -> T:
        """Wait for an answer, but not for ever; all that psycopg sends is waited for here."""
        work, self.meanwhile = self.meanwhile, None
        if work is not None:
            work()
        within_time = answered(self, gen, self.allowed, self.monotonic)
        return super().wait(within_time, *arguments, **keywords)


def allow(connection: psycopg.Connection[TupleRow], seconds: float) -> None:
    """Take note of the timeout that the server has, or has from the next message on."""
    if isinstance(connection, WorkingConnection):
        connection.allowed = Allowance(seconds)


@contextmanager
def allowing_each(
    connection: psycopg.Connection[TupleRow], count: int, expired: Callable[[], bool]
) -> Iterator[None]:
    """Wait for so many statements in one message: the timeout is that of each.

    Parameters
    ----------
    expired
        Tells whether the time for all of them is over.
    """
    if not isinstance(connection, WorkingConnection):
        yield
        return
    one = connection.allowed
    connection.allowed = Allowance(one.seconds * count, expired)
    try:
        yield
    finally:
        connection.allowed = one


def defer(connection: psycopg.Connection[TupleRow], text: bytes) -> None:
    """Send statements with the next one, or at once over a connection that cannot wait.

    Parameters
    ----------
    text
        Statements, a semicolon behind the last one too.
    """
    if isinstance(connection, WorkingConnection):
        connection.waiting.append(text)
    else:
        connection.execute(text)


def take(connection: psycopg.Connection[Any]) -> bytes:
    """Give what waits to be sent; it is now the caller's to send it."""
    if not isinstance(connection, WorkingConnection):
        return b""
    text = b"".join(connection.waiting)
    connection.waiting.clear()
    return text


def prepare(connection: WorkingConnection, text: bytes) -> str:
    """Give the name under which a statement is prepared, preparing it if it is not.

    Nobody but us may have touched the session since we last looked at what is prepared there.
    """
    prepared = connection.prepared
    name = prepared.names.get(text)
    if name is None:
        name = f"meshmigrate_{token_hex(8)}"
        defer(connection, f"PREPARE {name} AS ".encode() + text + b";")
        prepared.seen = frozenset(connection.execute(PREPARED).fetchall())
        prepared.names[text] = name
    return name


def send_waiting(connection: psycopg.Connection[TupleRow]) -> None:
    """Send what waits, in a message of its own."""
    text = take(connection)
    if text:
        connection.execute(text)


def is_waiting(connection: psycopg.Connection[Any], text: bytes) -> bool:
    """Tell whether a text waits to be sent."""
    return isinstance(connection, WorkingConnection) and text in connection.waiting


def drop_transaction(connection: psycopg.Connection[Any]) -> bool:
    """Forget what waits to be sent in a transaction; tell whether it has begun at all."""
    if not isinstance(connection, WorkingConnection):
        return True
    waiting = connection.waiting
    unsent = BEGIN in waiting
    del waiting[waiting.index(BEGIN) if unsent else 0 :]
    return not unsent


class JoiningCursor(psycopg.Cursor[TupleRow]):
    """A cursor that sends what waits together with its own statement."""

    def execute(
        self,
        query: Query,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool | None = None,
    ) -> Self:
        """Run a statement; the result is that of the statement alone.

        A statement with parameters has a message of its own, as psycopg sends it.
        """
        text = take(self.connection)
        if text and params is None:
            super().execute(text + self._bytes(query), prepare=prepare, binary=binary)
            self.set_result(-1)
            return self
        if text:
            super().execute(text)
        known = cast("QueryNoTemplate", query)
        return super().execute(known, params, prepare=prepare, binary=binary)

    def _bytes(self, query: Query) -> bytes:
        if isinstance(query, bytes):
            return query
        if isinstance(query, Composable):
            return query.as_bytes(self)
        return str(query).encode(self.connection.info.encoding)
