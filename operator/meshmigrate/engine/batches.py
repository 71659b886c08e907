"""Data statements sent in batches: many in one message, and still a result for each of them.

A file of 370,000 INSERTs otherwise spends most of its time waiting for answers. The server runs
the statements of a message one by one, each with its own timeout (since version 13; PostgreSQL
manual, "statement_timeout"), and names a character of the whole message when one is wrong.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

import psycopg
from psycopg import generators
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from meshmigrate.domain.script import Statement
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.deferred import WorkingConnection, allowing_each, take

BATCHED: Final = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
"""Kinds that never need other settings than the data statement before them."""

_SEPARATOR: Final = "\n;\n"
"""On a line of its own: a statement may end in a comment."""
_MARK: Final = b"SELECT;"
"""Behind what is sent in front: the first result that is a set of rows without columns."""
_LONGEST: Final = 64 * 1024
"""Characters of one message."""
MOST: Final = 1024
"""Statements of one message."""
_QUICK_SECONDS: Final = 0.02


class StatementFailed(Exception):
    """A statement of a batch failed; those after it were not run.

    Parameters
    ----------
    index
        Which one, from 0; the first if the connection was lost, as then nobody knows.
    offset
        How many characters of the message stand before it.
    behind
        How many behind it may have failed instead, as nobody knows.
    """

    def __init__(self, error: psycopg.Error, index: int, offset: int, behind: int = 0) -> None:
        super().__init__(str(error))
        self.behind = behind
        self.error = error
        self.index = index
        self.offset = offset


class Batches:
    """Divides the statements of a script, in order, into what is sent at once.

    All but data statements go alone. A batch may hold twice as many as the one before if that
    was answered at once, and a slow one is followed by a single statement: a stop, a deadline
    and whoever watches do not wait for long.
    """

    def __init__(self, statements: Sequence[Statement], *, most: int = MOST) -> None:
        self._statements = statements
        self._limit = most
        self._most = 1

    def __iter__(self) -> Iterator[Sequence[Statement]]:
        start = 0
        while start < len(self._statements):
            end = self._end(start)
            began = time.monotonic()
            yield self._statements[start:end]
            quick = time.monotonic() - began < _QUICK_SECONDS
            self._most = min(self._most * 2, self._limit) if quick else 1
            start = end

    def _end(self, start: int) -> int:
        end, room = start, _LONGEST
        for statement in self._statements[start : start + self._most]:
            room -= len(statement.text)
            if statement.kind not in BATCHED or room < 0:
                break
            end += 1
        return max(end, start + 1)


def send_batch(
    connection: Connection,
    batch: Sequence[Statement],
    encoding: str,
    *,
    behind: bytes = b"",
    expired: Callable[[], bool] = lambda: False,
) -> PGresult:
    """Run the statements of a batch, behind what waits to be sent; give the last result.

    Parameters
    ----------
    behind
        Other statements, if this is the last batch of its script.
    expired
        Tells whether the time for all of them is over: the timeout is that of each. Then what
        runs is cancelled.

    Raises
    ------
    StatementFailed
        With the server's error; its index goes on behind the batch.
    psycopg.Error
        If a statement of ours failed that was sent in front of them.
    UnicodeEncodeError
        If the encoding lacks a character.
    """
    text = _SEPARATOR.join(one.text for one in batch).encode(encoding)
    if behind:
        text += _SEPARATOR.encode() + behind
    ours = take(connection)
    if ours:
        ours += _MARK
    connection.pgconn.send_query(ours + text)
    try:
        with allowing_each(connection, len(batch) + bool(behind), expired):
            results: list[PGresult] = connection.wait(generators.execute(connection.pgconn))
    except psycopg.Error as lost:
        raise StatementFailed(lost, 0, 0, len(batch) - 1) from lost
    mark = -1
    if ours:
        mark = next((at for at, one in enumerate(results) if _is_mark(one)), len(results))
        answers = [one for one in results[:mark] if one.ntuples]
        if answers and isinstance(connection, WorkingConnection):
            connection.answers = answers
    if results[-1].status != ExecStatus.FATAL_ERROR:
        return results[-1]
    error = error_from_result(results[-1], encoding=connection.info.encoding)
    front = len(ours.decode())
    ended = [bool(one.command_status) for one in results]
    place = int(error.diag.statement_position or 0) - 1 - front
    if place >= 0 and not any(ended):
        # Nothing was run: the server cannot read the message, and says where.
        index = _statement_at(place, batch)
    elif mark == len(results):
        raise error
    else:
        # A statement to which rules add rows has several results; the last one has its tag.
        index = sum(ended[mark + 1 :])
    raise StatementFailed(error, index, front + sum(_lengths(batch[:index])))


def _statement_at(place: int, batch: Sequence[Statement]) -> int:
    """Give the index of the statement in which a character of the message stands, from 0."""
    ends = accumulate(_lengths(batch[:-1]))
    return sum(1 for end in ends if end <= place)


def _lengths(batch: Sequence[Statement]) -> Iterator[int]:
    """Give how many characters of the message each statement takes."""
    return (len(one.text) + len(_SEPARATOR) for one in batch)


def _is_mark(result: PGresult) -> bool:
    return result.status == ExecStatus.TUPLES_OK and result.nfields == 0
