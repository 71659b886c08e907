"""Privileges as values: what a statement must be allowed to do, as far as its text says.

PostgreSQL manual, section "Privileges", and the manual pages of the statements.
"""

from enum import StrEnum
from typing import Final, NamedTuple


class Kind(StrEnum):
    """What kind of thing a privilege is on."""

    DATABASE = "database"
    EXTENSION = "extension"
    SCHEMA = "schema"
    RELATION = "relation"
    TYPE = "type"
    ROUTINE = "routine"
    ROLE = "role"


class Right(StrEnum):
    """What must be allowed; those that are a privilege's name are asked for as such."""

    CREATE = "CREATE"
    USAGE = "USAGE"
    OWN = "own"
    DROP = "drop"
    """Owning it, or the schema it is in."""
    REPLACE = "replace"
    """Owning it, if it is there; its schema's USAGE is not asked for."""
    MAINTAIN = "MAINTAIN"
    """Owning it, or, since PostgreSQL 17, that privilege."""
    SELECT = "SELECT"
    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    TRUNCATE = "TRUNCATE"
    REFERENCES = "REFERENCES"
    TRIGGER = "TRIGGER"
    MEMBER = "member"


class Need(NamedTuple):
    """One thing that must be allowed."""

    kind: Kind
    right: Right
    schema: str = ""
    """Empty where the search path decides."""
    name: str = ""


class Obscures(StrEnum):
    """What can no longer be told after a statement from the text of those behind it."""

    NOTHING = "nothing"
    NAMES = "names"
    """What a name without a schema means, until the end of the file."""
    FILE = "file"
    """Anything, until the end of the file."""
    ALL = "all"
    """Anything at all: it may have given or taken rights."""


class Demand(NamedTuple):
    """What a statement needs, and what it changes for those behind it."""

    needs: tuple[Need, ...] = ()
    changed: tuple[str, ...] = ()
    """Names of what it makes, drops, or gives to another: it is as it will be, not as it is."""
    schemas: tuple[str, ...] = ()
    """Those of the schemas among them."""
    obscures: Obscures = Obscures.NOTHING


NOTHING_NEEDED: Final = Demand()
