"""Patterns of what a fingerprint leaves out."""

import re
from collections.abc import Iterable
from fnmatch import translate


class Ignored:
    """Tells whether an object is left out.

    Parameters
    ----------
    patterns
        As of a shell, of ``schema.name``; one without a dot names whole schemas. What belongs to
        a table that matches (its columns, indexes, triggers, grants) matches with it.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        both = (
            form
            for pattern in patterns
            for form in ((pattern,) if "." in pattern else (pattern, f"{pattern}.*"))
        )
        self._matches = re.compile("|".join(map(translate, both)) or r"(?!)").match

    def __call__(self, name: str, owner: str | None) -> bool:
        """Tell it of an object by its name and by the unquoted name of what it belongs to."""
        return bool(self._matches(name) or (owner and self._matches(owner)))
