"""The sections of a fingerprint: each is a query of object, definition, and what it belongs to."""

import re
from functools import cache
from importlib.resources import files
from typing import Final

FORMAT: Final = 2
"""Grows when the same schema reads otherwise: fingerprints of two formats do not compare."""

SECTIONS: Final = (
    "schemas",
    "extensions",
    "relations",
    "columns",
    "constraints",
    "indexes",
    "triggers",
    "rules",
    "functions",
    "policies",
    "views",
    "sequences",
    "types",
    "statistics",
    "operators",
    "casts",
    "collations",
    "text_search",
    "foreign_data",
    "replication",
    "event_triggers",
    "languages",
    "settings",
    "grants",
    "default_privileges",
    "comments",
    "security_labels",
)
"""Each is a file of that name, or a few.

Its columns are the object, its definition, and the schema and relation (or other object) that it
belongs to, unquoted, for patterns to match; of columns also their place and name. A line that ends
in ``-- since N`` is for servers of that version and newer. The search path is empty, so functions
are the server's own.
"""

SCOPE: Final = "scope"
"""A query of the schemas that are covered, and of the files that need not be asked."""

_FILES: Final = {
    "comments": ("comments", "comments_of_relations", "comments_of_others"),
    "extensions": ("extensions", "dependents_of_extensions"),
}

_SINCE: Final = re.compile(r"-- since (\d+)\n")


def files_of(section: str) -> tuple[str, ...]:
    """Give the names of the queries of a section."""
    return _FILES.get(section, (section,))


@cache
def query(name: str, major: int) -> bytes:
    """Give a query for servers of a major version."""
    text = files(__package__).joinpath(f"{name}.sql").read_text()
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if _for_version(line, major)).encode()


def _for_version(line: str, major: int) -> bool:
    since = _SINCE.search(line)
    return since is None or int(since[1]) <= major
