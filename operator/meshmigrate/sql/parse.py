"""PostgreSQL's own parser, over a script of any size."""

import re
from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

from google._upb import _message
from google.protobuf.message import DecodeError
from postgast import ParseResult, PgQueryError, parse

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script

_PIECE: Final = 256 * 1024
"""Characters parsed at once: a tree takes some 40 times the room of its text (measured)."""

_BREAK: Final = ";\n"
_WORD_OR_SIGN: Final = re.compile(r"[^\W\d]\w{0,62}|[^\w\s'\"$]")


class Piece(NamedTuple):
    """A run of whole statements and its parse tree."""

    offset: int
    """Where it starts in the script's text, in characters from 0."""
    text: str
    tree: ParseResult


class _Unparsed(NamedTuple):
    piece_start: int
    place: int
    message: str


def parse_script(script: Script) -> Iterator[Piece]:
    """Parse a script piece by piece.

    Raises
    ------
    Refusal
        ``SyntaxError`` or ``PsqlMetaCommand`` with the exact place, after everything that
        stands before it has been given out: what is wrong there comes first.
    """
    text = script.text
    unparsed = yield from _pieces(text, 0, len(text))
    if unparsed is not None:
        before = text.rfind(";", unparsed.piece_start, unparsed.place) + 1
        yield from _pieces(text, unparsed.piece_start, before)
        raise _refusal(script, unparsed)


def _pieces(text: str, start: int, stop: int) -> Generator[Piece, None, _Unparsed | None]:
    """Give the pieces up to ``stop``; return what is wrong if the last of them does not parse.

    A piece ends behind a semicolon at the end of a line. If it parses, what follows starts with
    a new statement, because a list of statements that ends in quotes, in a block comment, in
    parentheses or in a BEGIN ATOMIC body is not complete. If it does not parse, it grows.
    """
    size = _PIECE
    while start < stop:
        semicolon = text.find(_BREAK, start + size, stop)
        end = stop if semicolon < 0 else semicolon + len(_BREAK)
        piece = text[start:end]
        try:
            tree = _parse(piece)
        except PgQueryError as error:
            if end == stop:
                # cursorpos counts characters from 1, whatever its documentation says (measured)
                place = start + min(max(error.cursorpos - 1, 0), len(piece.rstrip()))
                return _Unparsed(start, place, error.message)
            size *= 2
        except DecodeError:
            return _Unparsed(start, start, "a statement from here on is nested too deeply")
        else:
            yield Piece(start, piece, tree)
            start, size = end, _PIECE
    return None


def _parse(text: str) -> ParseResult:
    # By default trees deeper than 100 are refused: a sum of 50 terms is one. That guards
    # against foreign messages, and this one was made by the parser in this process.
    _message.SetAllowOversizeProtos(True)  # noqa: FBT003  it takes no keyword
    return parse(text)


def _refusal(script: Script, unparsed: _Unparsed) -> Refusal:
    location = script.location(unparsed.place)
    if script.text.startswith("\\", unparsed.place):
        return Refusal(
            Reason.PSQL_META_COMMAND,
            "a backslash command is for psql, not for the server",
            hint="Write what it does as SQL; a migration is one file of SQL.",
            location=location,
        )
    # The parser quotes what it stopped at, which may be a value or the rest of the file.
    message, near, _ = unparsed.message.partition(" at or near ")
    stopped_at = _WORD_OR_SIGN.match(script.text, unparsed.place)
    return Refusal(
        Reason.SYNTAX_ERROR,
        f'{message} at or near "{stopped_at[0]}"' if near and stopped_at else message,
        hint="Correct the file; it is read with the grammar of PostgreSQL 18.",
        location=location,
    )
