"""A fingerprint as a value, and what tells two of them apart."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from msgspec import json

from meshmigrate.engine.fingerprint.sections import SECTIONS

Sections = Mapping[str, Mapping[str, str]]
"""Section to object to definition."""

MANAGED: Final = "managed"
"""In the scope: the schemas of a platform of which only triggers and policies are covered."""

_FREE_TEXT: Final = "comments"
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_BODY: Final = re.compile(r"\$(?:function|procedure)x*\$.*\$(?:function|procedure)x*\$", re.DOTALL)
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Difference:
    """An object that two fingerprints show differently; an empty definition is its absence."""

    section: str
    object: str
    before: str
    after: str

    def __str__(self) -> str:
        before, after = (_one_line(shown(self.section, it)) for it in (self.before, self.after))
        if not after:
            return f"{self.section}: {self.object} is missing; it was: {before}"
        if not before:
            return f"{self.section}: {self.object} was not there before; it is: {after}"
        return f"{self.section}: {self.object} was: {before}; it is: {after}"


@dataclass(frozen=True)
class Fingerprint:
    """The schema as sorted text.

    Parameters
    ----------
    scope
        What was read and how; fingerprints of different scopes show what the scope changes too.
    column_order
        Relation to its columns in their order, which is no part of the digest.
    """

    sections: Sections
    scope: Mapping[str, str] = field(default_factory=dict)
    column_order: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def section_digests(self) -> dict[str, str]:
        """SHA-256 of each section."""
        return {name: _sha256(self.sections.get(name, {})) for name in SECTIONS}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over all sections and the scope."""
        return _sha256(self.section_digests | {"scope": _sha256(self.scope)})

    @property
    def missing_schemas(self) -> tuple[str, ...]:
        """The schemas that it was to cover and that there are none of: a typo proves nothing."""
        wanted = self.scope.get("schemas", "").splitlines()
        there = set(map(_unquoted, self.sections.get("schemas", {})))
        return tuple(name for name in wanted if name not in there)

    @property
    def managed(self) -> tuple[str, ...]:
        """The schemas of which only triggers and policies are covered."""
        return tuple(self.scope.get(MANAGED, "").splitlines())

    def differences(self, after: "Fingerprint") -> Iterator[Difference]:
        """Give every object that another fingerprint, taken later, shows differently."""
        for section in SECTIONS:
            ours, theirs = self.sections.get(section, {}), after.sections.get(section, {})
            if ours != theirs:
                for name in sorted(ours.keys() | theirs.keys()):
                    if ours.get(name) != theirs.get(name):
                        yield Difference(section, name, ours.get(name, ""), theirs.get(name, ""))

    def reordered(self, after: "Fingerprint") -> tuple[str, ...]:
        """Give the tables that have the same columns in another order."""
        pairs = ((name, after.column_order.get(name, "")) for name in self.column_order)
        return tuple(
            name
            for name, theirs in pairs
            if theirs != self.column_order[name]
            and sorted(theirs.split(", ")) == sorted(self.column_order[name].split(", "))
        )


def no_schema(name: str) -> str:
    """Say that a schema to cover does not exist."""
    return f"there is no schema '{name}' for the fingerprint to cover"


def shown(section: str, definition: str) -> str:
    """Give a definition without what may be a secret in it: this form may leave the database.

    Tokens stand in the bodies of functions, in comments, in options and in literals; a part of
    a digest shows that they differ. The ledger keeps the whole definition.
    """
    if not definition or definition.startswith("enum "):
        return definition
    if section == _FREE_TEXT:
        return f"text {_short(definition)}"
    text = _LITERAL.sub("'…'", _BODY.sub("…", definition))
    return text if text == definition else f"{text} (text {_short(definition)})"


def count(differences: Sequence[Difference]) -> str:
    """Say how many objects differ."""
    return "one object is" if len(differences) == 1 else f"{len(differences)} objects are"


def names(differences: Sequence[Difference], shown: int = 3) -> str:
    """Name the first objects that differ."""
    named = ", ".join(f"{item.object} ({item.section})" for item in differences[:shown])
    return named if len(differences) <= shown else f"{named} and more"


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _sha256(content: Mapping[str, str]) -> str:
    return f"sha256:{hashlib.sha256(json.encode(sorted(content.items()))).hexdigest()}"
