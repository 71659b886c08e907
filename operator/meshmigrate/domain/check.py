"""What a check says of itself when it does not hold: its author's words, and no row's."""

import re
from itertools import takewhile
from typing import Final

from meshmigrate.domain.script import Script, Statement

_DIRECTIVE: Final = "-- meshmigrate:"
_LITERAL: Final = re.compile(r"'(?:[^']|'')*(?:'|$)")
_LONGEST: Final = 200
"""Characters of each part: a result has to fit into a termination message."""


def own_words(script: Script, statement: Statement) -> str:
    """Give the comment directly above a check, and the first line of its query.

    Literals are left out of the query: a check may compare with what nobody should read in a log.
    """
    query = _LITERAL.sub("'…'", statement.text.partition("\n")[0].strip())
    return ": ".join(_cut(part) for part in (_comment_above(script, statement), query) if part)


def _comment_above(script: Script, statement: Statement) -> str:
    *above, beside = script.text[: statement.offset].split("\n")
    if beside.strip():
        return ""
    lines = [line.strip() for line in reversed(above)]
    comment = list(takewhile(lambda line: line.startswith("--"), lines))
    words = (line.lstrip("-").strip() for line in reversed(comment) if not _directs(line))
    return " ".join(filter(None, words))


def _directs(line: str) -> bool:
    return line.startswith(_DIRECTIVE)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
