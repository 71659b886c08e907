"""Looking into DO blocks: their body is a string to SQL, and code to PL/pgSQL.

A body that the parser here does not understand shows nothing: the server has the last word, and
ends a COMMIT inside a transaction with 2D000.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from postgast import PgQueryError, parse_plpgsql

_MAY_END: Final = re.compile(r"\b(?:commit|rollback|call)\b", re.IGNORECASE)
_SUSPECT: Final = re.compile(r"\b(?:commit|rollback)\b|pg_advisory_unlock", re.IGNORECASE)
_WRITING: Final = re.compile(
    r"\b(?:alter|delete|drop|insert|merge|truncate|update)\b", re.IGNORECASE
)


def ends_transaction(do_statement: str) -> bool:
    """Whether the body holds COMMIT or ROLLBACK as a statement of PL/pgSQL."""
    ends = {"PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback"}
    return any(name in ends for name, _ in _parts(do_statement))


def may_end_transaction(do_statement: str) -> bool:
    """Whether the body could end a transaction, in any language or by a procedure it calls."""
    return _MAY_END.search(do_statement) is not None


def mentions(do_statement: str, function: str) -> bool:
    """Whether a query in the body mentions a function, be it in a string that it executes."""
    return any(
        name == "query" and isinstance(part, str) and function in part.lower()
        for name, part in _parts(do_statement)
    )


def queries(do_statement: str) -> Iterator[str]:
    """Give the queries and expressions in the body, as they are written there."""
    for name, part in _parts(do_statement, _WRITING):
        if name == "query" and isinstance(part, str):
            yield part


def _parts(do_statement: str, suspect: re.Pattern[str] = _SUSPECT) -> Iterator[tuple[str, Any]]:
    if not suspect.search(do_statement):
        return
    try:
        tree = parse_plpgsql(do_statement)
    except PgQueryError:
        return
    yield from _descend(tree)


def _descend(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        for name, part in tree.items():
            yield name, part
            yield from _descend(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _descend(part)
