"""Keeping row values out of what is shown of a server message.

Some messages repeat values: 22P02 does, ``invalid input syntax for type integer: "secret"``.
"""

import re
from typing import Final

from postgast import PgQueryError, scan
from postgast.pg_query_pb2 import KeywordKind, Token

_LONGEST: Final = 1000
"""Characters shown; a RAISE may carry megabytes."""

_LONGEST_SCANNED: Final = 256 * 1024
"""Characters of a statement searched for names: a token takes far more room than its text."""

_HIDDEN: Final = "…"

# The quotes of PostgreSQL's translations too, of which German points them inwards. What follows a
# colon is a value in nearly all messages, and a value may hold quotes: it reaches to the last one.
_OPEN: Final = '["«»„“”「]'
_CLOSE: Final = '["»«“”」]'
_QUOTED: Final = re.compile(rf"(?<=: ){_OPEN}(.*){_CLOSE}|{_OPEN}(.*?){_CLOSE}", re.DOTALL)

_HAS_CODE: Final = re.compile(
    r"do\b|create\s+(?:or\s+replace\s+)?(?:function|procedure)\b", re.IGNORECASE
)
_DOLLAR_QUOTED: Final = re.compile(r"(\$\w*\$)(.*)\1", re.DOTALL)


def redact(message: str, statement: str, *, author_raised: bool) -> str:
    """Give a message without the values it repeats, and of bounded length.

    Every quoted part that is not a name in the statement is taken for a value.

    Parameters
    ----------
    statement
        What was sent; the names in it are no secret.
    author_raised
        Whether the script's author wrote the message (P0001): it is then shown as it is.
    """
    shown = message if author_raised else _without_values(message, statement)
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - len(_HIDDEN)] + _HIDDEN


def _without_values(message: str, statement: str) -> str:
    if message.count('"') % 2:
        return message[: message.index('"')] + _HIDDEN
    names = _names(statement)
    values = [
        quoted
        for quoted in _QUOTED.finditer(message)
        if not set((quoted[1] or quoted[2] or "").split(".")) <= names
    ]
    if not values:
        return message
    # What stands between two of them may belong to one value that holds quotes.
    return f'{message[: values[0].start()]}"{_HIDDEN}"{message[values[-1].end() :]}'


def _names(statement: str) -> set[str]:
    """Give identifiers and keywords as the server writes them: folded unless quoted."""
    if len(statement) > _LONGEST_SCANNED:
        return set()
    try:
        tokens = scan(statement).tokens
    except PgQueryError:
        return set()
    sent = statement.encode()
    names = set()
    for token in tokens:
        raw = sent[token.start : token.end]
        text = raw.decode()
        if token.token == Token.SCONST and _HAS_CODE.match(statement):
            if body := _DOLLAR_QUOTED.fullmatch(text):
                names |= _names(body[2])
        elif text.startswith('"'):
            names.add(text[1:-1].replace('""', '"'))
        elif token.token == Token.IDENT or token.keyword_kind != KeywordKind.NO_KEYWORD:
            names.add(raw.lower().decode())  # the server folds ASCII letters only, as bytes do
    return names
