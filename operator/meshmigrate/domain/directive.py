"""Directives as values: what a file says about itself in comments before its first statement."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from meshmigrate.domain.errors import Location

_NO_STATEMENT: Final = re.compile(r"[\s;]+|--[^\n\r]*")
_BLOCK_EDGE: Final = re.compile(r"/\*|\*/")
_DIRECTIVE: Final = re.compile(r"--\s*meshmigrate\s*:\s*(\S*)\s*(.*)", re.IGNORECASE)
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_SECONDS: Final = (2**31 - 1) / 1000


class Word(StrEnum):
    """The directives there are."""

    NO_TRANSACTION = "no-transaction"
    """Each statement is a step of its own, outside of any transaction where it has to be."""
    IRREVERSIBLE = "irreversible"
    """Of a rollback script: a run never starts it by itself. The argument says why."""
    TIMEOUT = "timeout"
    """The argument is how long each statement of this file may take."""
    ALLOW = "allow"
    """The arguments are a hazard that this file has on purpose, and why."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive of a file, found acceptable."""

    word: Word
    arguments: str
    location: Location


class DirectiveComment(NamedTuple):
    """A comment that has the form of a directive, whatever its word."""

    offset: int
    word: str
    arguments: str


def directive_comments(text: str, offset: int = 0) -> Iterator[DirectiveComment]:
    """Give those between a place in a script and the next statement.

    Only line comments count; block comments nest, as they do in PostgreSQL.
    """
    while True:
        if match := _NO_STATEMENT.match(text, offset):
            if found := _DIRECTIVE.fullmatch(match.group()):
                yield DirectiveComment(offset, found[1], found[2].strip())
            offset = match.end()
        elif text.startswith("/*", offset):
            offset = _block_end(text, offset)
        else:
            return


def _block_end(text: str, offset: int) -> int:
    depth = 0
    for edge in _BLOCK_EDGE.finditer(text, offset):
        depth += 1 if edge.group() == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(text)


def parse_duration(text: str) -> float:
    """Read a duration such as ``30min`` and give its seconds.

    The units are PostgreSQL's (manual, "Parameter Names and Values"), and one is required.

    Raises
    ------
    ValueError
        If it is none, zero, or longer than a ``statement_timeout`` can be.
    """
    match = _DURATION.fullmatch(text)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0.001 <= seconds <= _LONGEST_SECONDS:  # noqa: PLR2004  a millisecond
        raise ValueError("a number and ms, s, min, h or d, such as 30min; 24d at most")
    return seconds
