"""Differences that a run cannot have made: on objects that none of its scripts touch.

What the scripts say is read generously, so that a difference of the run's own never passes for
somebody else's: in doubt it is the run's.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from meshmigrate.domain.plan import AppliedVersion
from meshmigrate.engine import kept, session
from meshmigrate.engine.ending import LockedRun
from meshmigrate.engine.fingerprint.compare import Difference, Fingerprint
from meshmigrate.sql.mentions import Mentions, mentions

_USER_FUNCTIONS: Final = """
SELECT EXISTS (
    SELECT FROM unnest(%(names)s::text[]) AS n (name)
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS p
                      WHERE p.proname = n.name
                        AND p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace))
"""
_ANYTHING: Final = Mentions(anything=True)
_NAME: Final = re.compile(r'(?:"(?:[^"]|"")+"|\w+)(?:\.(?:"(?:[^"]|"")+"|\w+))*')
_TABLE: Final = re.compile(rf" (?:ON ONLY|ON|FROM|owned by|partition of) ({_NAME.pattern})")
_PART: Final = re.compile(r'"((?:[^"]|"")+)"|(\w+)')
_ARGUMENTS: Final = re.compile(r"\(.*\)")
_WITH_ARGUMENTS: Final = {"functions", "grants", "comments", "extensions"}
_NAMES_ITS_TABLE: Final = {"indexes", "sequences", "statistics"}
"""Sections in which the definition, not the object's name, says which table it belongs to."""


def bystanders(
    locked: LockedRun, rows: Sequence[AppliedVersion], before: Fingerprint, after: Fingerprint
) -> tuple[Difference, ...]:
    """Give the differences that are on objects the scripts of a run do not touch.

    Parameters
    ----------
    rows
        All that was taken back; anything was touched where that is not known.
    """
    found = _mentioned(locked, rows)
    if found.anything or _calls_user_functions(locked, found):
        return ()
    touched = _with_descendants(set(found.names), before, after)
    schemas = {_parts(name)[0] for it in (before, after) for name in it.sections["schemas"]}
    schemas.update(before.managed, after.managed)
    return tuple(
        difference
        for difference in before.differences(after)
        if touched.isdisjoint(_tokens(difference, schemas))
    )


def _mentioned(locked: LockedRun, rows: Sequence[AppliedVersion]) -> Mentions:
    if not rows:
        return _ANYTHING
    found = Mentions()
    for _, migration in kept.migrations(locked, rows):
        if migration is None or migration.rollback is None:
            return _ANYTHING
        found |= mentions(migration.script) | mentions(migration.rollback)
    return found


def _calls_user_functions(locked: LockedRun, found: Mentions) -> bool:
    with session.translated():
        connection = locked.ledger.connection
        row = connection.execute(_USER_FUNCTIONS, {"names": list(found.functions)}).fetchone()
    return bool(row and row[0])


def _with_descendants(touched: set[str], *fingerprints: Fingerprint) -> set[str]:
    """Add the partitions and children of what is touched: it hands its changes down to them."""
    heirs = [
        (_parts(name)[-1], {_parts(parent)[-1] for parent in _NAME.findall(parents)})
        for fingerprint in fingerprints
        for name, definition in fingerprint.sections["relations"].items()
        for _, inherits, parents in [definition.partition(" inherits ")]
        if inherits
    ]
    size = -1
    while size < len(touched):
        size = len(touched)
        touched |= {name for name, parents in heirs if not touched.isdisjoint(parents)}
    return touched


def _tokens(difference: Difference, schemas: Iterable[str]) -> Iterator[str]:
    name = difference.object
    if difference.section in _WITH_ARGUMENTS:
        name = _ARGUMENTS.sub("", name)
    found = _NAME.findall(name)
    if difference.section in _NAMES_ITS_TABLE:
        found += _TABLE.findall(f"{difference.before} {difference.after}")
    for chain in found:
        parts = _parts(chain)
        if len(parts) == 1 or parts[0] not in schemas:
            yield parts[0]
        # Of schema, table and column the table counts: many tables have columns of one name.
        yield from parts[1:2]


def _parts(chain: str) -> list[str]:
    return [
        quoted.replace('""', '"') if quoted else plain for quoted, plain in _PART.findall(chain)
    ]
