"""The hazards of a run: found in its files, held against what the database has."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final
from uuid import UUID

from meshmigrate.domain.data_change import UNNAMED, Place
from meshmigrate.domain.hazard_search import (
    FoundHazard,
    find_hazards,
    places_at_stake,
    refuse_enforced,
)
from meshmigrate.domain.runspec import HazardPolicy
from meshmigrate.domain.way_back import Pending
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.ledger import log

_NAMED: Final = 10

# A name without a schema counts as there if any schema has it: a file may set its search path.
# Temporary tables of other sessions are nobody's data.
_ABSENT: Final = """
SELECT p.i - 1
FROM unnest(%(kinds)s::text[], %(schemas)s::text[], %(names)s::text[], %(columns)s::text[])
    WITH ORDINALITY AS p(kind, schema, name, part, i)
WHERE NOT CASE
    WHEN p.kind = 'database' THEN EXISTS (
        SELECT FROM pg_catalog.pg_database AS d WHERE d.datname = p.name)
    WHEN p.kind = 'extension' THEN EXISTS (
        SELECT FROM pg_catalog.pg_extension AS e WHERE e.extname = p.name)
    WHEN p.name = '' THEN EXISTS (
        SELECT FROM pg_catalog.pg_namespace AS s WHERE s.nspname = p.schema)
    ELSE EXISTS (
        SELECT FROM pg_catalog.pg_namespace AS s
        WHERE (p.schema IN ('', s.nspname)) AND s.nspname NOT LIKE 'pg\\_temp\\_%%' AND (
            EXISTS (SELECT FROM pg_catalog.pg_class AS c
                    WHERE c.relnamespace = s.oid AND c.relname = p.name AND (
                        p.part = '' OR EXISTS (
                            SELECT FROM pg_catalog.pg_attribute AS a
                            WHERE a.attrelid = c.oid AND a.attname = p.part
                              AND NOT a.attisdropped)))
            OR p.part = '' AND (
                EXISTS (SELECT FROM pg_catalog.pg_type AS t
                        WHERE t.typnamespace = s.oid AND t.typname = p.name)
                OR EXISTS (SELECT FROM pg_catalog.pg_collation AS o
                           WHERE o.collnamespace = s.oid AND o.collname = p.name))))
    END
"""


def look_for_hazards(
    connection: Connection, files: Sequence[Pending], policy: HazardPolicy
) -> tuple[FoundHazard, ...]:
    """Find what a run that begins does to what is there now.

    Raises
    ------
    Refusal
        ``HazardNotAllowed``, if the policy says so.
    """
    at_stake = places_at_stake(files)
    if not at_stake:
        return ()
    found = find_hazards(files, policy, _absent(connection, sorted(at_stake - {UNNAMED})))
    refuse_enforced(found)
    return found


def _absent(connection: Connection, places: Sequence[Place]) -> frozenset[Place]:
    if not places:
        return frozenset()
    values = {
        "kinds": [place.kind for place in places],
        "schemas": [place.schema for place in places],
        "names": [place.name for place in places],
        "columns": [place.column for place in places],
    }
    with session.translated():
        rows = connection.execute(_ABSENT, values).fetchall()
    return frozenset(places[row[0]] for row in rows)


def told(found: Iterable[FoundHazard]) -> Iterator[Event]:
    """Tell of each file, a warning where nobody has allowed what it does."""
    for first, these in _by_file(found):
        more = [f"and {len(these) - _NAMED} more"] if len(these) > _NAMED else []
        yield Event(
            name=EventName.HAZARD,
            message="; ".join(
                (
                    f"version {first.version}: {first}",
                    *map(str, these[1:_NAMED]),
                    *more,
                    first.verdict,
                )
            ),
            warning=first.answer == "NotEnforced",
            version=str(first.version),
            file=first.location.file,
            line=first.location.line,
            column=first.location.column,
            statement=first.statement,
        )


def logged(found: Iterable[FoundHazard], run_id: UUID, attempt: int) -> Iterator[log.Entry]:
    """Write all of it down, a row for each file, with the reason that it gives."""
    for first, these in _by_file(found):
        yield log.Entry(
            event=log.HAZARD,
            run_id=run_id,
            attempt=attempt,
            version=str(first.version),
            script=first.location.file,
            message="\n".join((*(f"{each.location}: {each}" for each in these), first.verdict)),
        )


def _by_file(found: Iterable[FoundHazard]) -> Iterator[tuple[FoundHazard, list[FoundHazard]]]:
    """Give what each file does of one kind, to which there is one answer."""
    for _, group in groupby(found, key=lambda each: (each.version, each.hazard)):
        these = list(group)
        yield these[0], these
