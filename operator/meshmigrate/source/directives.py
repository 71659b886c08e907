"""Directives: ``-- meshmigrate: <word> [arguments]`` before a file's first statement."""

import re
from typing import Final

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script

_TRIVIA: Final = re.compile(r"\s+|--[^\n]*|/\*.*?\*/", re.DOTALL)
_DIRECTIVE: Final = re.compile(r"--\s*meshmigrate\s*:\s*(\S*)", re.IGNORECASE)


def refuse_directives(script: Script) -> None:
    """Refuse a file that asks for something this release cannot do.

    A directive without effect would be worse than an error: its author relies on it. This
    release knows none, so each one is refused; comments after the first statement are comments.

    Raises
    ------
    Refusal
        ``InvalidDirective`` with the place of the directive.
    """
    offset = 0
    while match := _TRIVIA.match(script.text, offset):
        if directive := _DIRECTIVE.match(match.group()):
            raise Refusal(
                Reason.INVALID_DIRECTIVE,
                f"the directive {directive[1]!r} is unknown to this release, which has none",
                hint="Remove the line, or run it with a release that knows the directive.",
                location=script.location(offset),
            )
        offset = match.end()
