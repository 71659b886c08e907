"""Whether two texts are the same statements, however they are laid out."""

from collections.abc import Iterator, Sequence

from postgast import PgQueryError, scan
from postgast.pg_query_pb2 import Token

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.script import Script
from meshmigrate.sql.split import split

_COMMENTS = frozenset({Token.SQL_COMMENT, Token.C_COMMENT})

Tokens = tuple[str, ...]


def same_statements(script: Script, stored: Sequence[str]) -> bool:
    """Whether a script consists of these statements.

    Both sides are split by our own parser and compared token by token: whitespace, comments and
    the semicolons between statements do not count, the body of a function does, to the letter.
    What cannot be parsed is not the same as anything.

    Parameters
    ----------
    stored
        The statements as another tool has split them, with or without their semicolons.
    """
    # On a line of its own, or a comment at the end of a statement would swallow the semicolon.
    joined = "\n;\n".join(stored).replace("\r\n", "\n")
    try:
        return list(_statements(script)) == list(
            _statements(Script(script.kind, script.file, joined))
        )
    except (Refusal, PgQueryError):
        return False


def _statements(script: Script) -> Iterator[Tokens]:
    for statement, _ in split(script):
        raw = statement.text.encode()
        yield tuple(
            raw[token.start : token.end].decode()
            for token in scan(statement.text).tokens
            if token.token not in _COMMENTS
        )
