"""The hazards of a run: found in its files, held against what the database has."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from uuid import UUID

from meshmigrate.domain.data_change import Place
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
    absent = _absent(connection, sorted(places_at_stake(files)))
    found = find_hazards(files, policy, absent)
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
    """Tell of each, a warning where nobody has allowed it."""
    for each in found:
        yield Event(
            name=EventName.HAZARD,
            message=each.sentence,
            warning=each.answer == "NotEnforced",
            version=str(each.version),
            file=each.location.file,
            line=each.location.line,
            column=each.location.column,
            statement=each.statement,
        )


def logged(found: Iterable[FoundHazard], run_id: UUID, attempt: int) -> Iterator[log.Entry]:
    """Write each down, with the reason that its file gives."""
    for each in found:
        yield log.Entry(
            event=log.HAZARD,
            run_id=run_id,
            attempt=attempt,
            version=str(each.version),
            script=each.location.file,
            message=f"{each.location}: {each}; {each.verdict}",
        )
