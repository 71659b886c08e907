"""What a statement does, without what it says: for those who watch it run."""

from typing import Final

from postgast import PgQueryError, scan
from postgast.pg_query_pb2 import Token

_LONGEST_SCANNED: Final = 16 * 1024
"""Characters; what is longer is nearly all data."""
_HIDDEN: Final = "…"
_CONSTANTS: Final = frozenset(
    {
        Token.SCONST,  # bodies of functions and DO blocks too
        Token.USCONST,
        Token.BCONST,
        Token.XCONST,
        Token.ICONST,
        Token.FCONST,
    }
)
_COMMENTS: Final = frozenset({Token.SQL_COMMENT, Token.C_COMMENT})


def outline(statement: str) -> str:
    """Give a statement on one line with an ellipsis for every constant, and without comments.

    Empty where it is too long, or cannot be divided into words.
    """
    if len(statement) > _LONGEST_SCANNED:
        return ""
    try:
        tokens = scan(statement).tokens
    except PgQueryError:
        return ""
    sent = statement.encode()
    shown, end = "", 0
    for token in tokens:
        if token.token in _COMMENTS:
            continue
        apart = shown and token.start > end
        word = _HIDDEN if token.token in _CONSTANTS else sent[token.start : token.end].decode()
        shown += f" {word}" if apart else word
        end = token.end
    return shown
