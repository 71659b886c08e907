"""Directives behind a file's first statement: they have no effect there, so they are refused."""

import re
from collections.abc import Sequence
from typing import Final

from meshmigrate.domain.directive import Word, directive_comments
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, Statement

_LOOKS_LIKE_ONE: Final = re.compile(r"--\s*meshmigrate\s*:", re.IGNORECASE)
_WORDS: Final = frozenset(word.value for word in Word)


def refuse_misplaced(script: Script, statements: Sequence[Statement]) -> None:
    """Refuse a directive between two statements or behind the last one.

    Other words there are comments, and so is whatever stands inside of a statement.

    Raises
    ------
    Refusal
        ``InvalidDirective`` with the place of the directive.
    """
    if not statements or not _LOOKS_LIKE_ONE.search(script.text, statements[0].offset):
        return
    for statement in statements:
        for comment in directive_comments(script.text, statement.offset + len(statement.text)):
            if comment.word in _WORDS:
                raise Refusal(
                    Reason.INVALID_DIRECTIVE,
                    f"the directive '{comment.word}' stands behind a statement, where it has no "
                    "effect",
                    hint="Put it before the first statement: it is about the whole file.",
                    location=script.location(comment.offset),
                )
