"""Taking a fingerprint of a database, and keeping it in the ledger."""

import zlib
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from msgspec import json
from psycopg.rows import TupleRow

from meshmigrate.domain.errors import MigrationError
from meshmigrate.domain.runspec import FingerprintScope
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.fingerprint.compare import MANAGED, Fingerprint
from meshmigrate.engine.fingerprint.ignore import Ignored
from meshmigrate.engine.fingerprint.sections import (
    FORMAT,
    SCOPE,
    SECTIONS,
    files_of,
    query,
)
from meshmigrate.engine.ledger.schema import SCHEMA_MARK
from meshmigrate.engine.ledger.store import Ledger
from meshmigrate.observe.traces import span

_KEEP: Final = """
INSERT INTO {ledger}.fingerprint (digest, sections, objects, taken_at)
VALUES (%(digest)s, %(sections)s::jsonb, %(objects)s, pg_catalog.clock_timestamp())
ON CONFLICT DO NOTHING
"""
_LOAD: Final = "SELECT objects FROM {ledger}.fingerprint WHERE digest = %(digest)s"
_STORED_SCOPE: Final = "scope"
_COLUMN_ORDER: Final = "column_order"
_TRIES: Final = 5
_FASTEST: Final = 1
"""Makes it a fifth larger than the default level, in a third of the time."""
_GONE: Final = {"XX000", "42P01", "42704", "42883"}
"""What the server says of an object that is no longer there."""

# The questions are written in a good order, and of sizes that one process reads alone: to look for
# other ways to answer them takes longer than the answers of most.
_SHORT_PLANNING: Final = """
SET LOCAL join_collapse_limit = 1;
SET LOCAL enable_mergejoin = off;
SET LOCAL max_parallel_workers_per_gather = 0;
"""

T = TypeVar("T")


def take(
    connection: Connection, scope: FingerprintScope | None = None, like: Fingerprint | None = None
) -> Fingerprint:
    """Read the catalog: everything but the system's, the ledgers' and the extensions' objects.

    In one snapshot and without a search path, so that every name is written in full and the
    result is the same whoever reads. Of schemas that a platform manages only triggers and
    policies are read: those are what migrations make there.

    Parameters
    ----------
    like
        What it will be compared with: the schemas that are managed there are managed here.
    """

    def once() -> Fingerprint:
        with session.snapshot(connection):
            connection.execute(_SHORT_PLANNING)
            return read(connection, scope or FingerprintScope(), like)

    with span("fingerprint"):
        return in_peace(once)


def in_peace(look: Callable[[], T]) -> T:
    """Look again where others drop what is just being looked at.

    The server's functions read the catalog as it is, not as the snapshot shows it, so an object
    that is dropped meanwhile is an error (measured: "cache lookup failed for index").
    """
    for _ in range(_TRIES - 1):
        try:
            return look()
        except MigrationError as error:
            if error.sqlstate not in _GONE:
                raise
    return look()


def read(
    connection: Connection, scope: FingerprintScope, like: Fingerprint | None = None
) -> Fingerprint:
    """Do what ``take`` does, in a snapshot that is open."""
    major = connection.info.server_version // 10000
    named = {
        "mark": SCHEMA_MARK,
        "named": list(scope.schemas),
        "managed": None if like is None else list(like.managed),
    }
    found = connection.execute(query(SCOPE, major), named).fetchone()
    covered, attached, managed, relations, functions, types, empty = found or ([],) * 7
    there = {
        "schemas": covered,
        "attached": covered + attached,
        "member_relations": relations,
        "member_functions": functions,
        "types": types,
    }
    ignored = Ignored(scope.ignore)
    told = sorted(name for name in managed if not ignored(name, None))
    if like is not None and not scope.schemas:
        told = list(like.managed)

    def objects(rows: Iterable[TupleRow]) -> dict[str, str]:
        kept = rows if not scope.ignore else [row for row in rows if not ignored(row[0], row[2])]
        return {row[0]: row[1] or "" for row in sorted(kept, key=_first)}

    # All questions are sent at once: the server does not wait while an answer is read.
    with connection.pipeline():
        asked = {
            name: connection.execute(query(name, major), there)
            for section in SECTIONS
            for name in files_of(section)
            if name not in empty
        }
        rows = {
            section: [row for name in files_of(section) if name in asked for row in asked[name]]
            for section in SECTIONS
        }
        return Fingerprint(
            {section: objects(rows[section]) for section in SECTIONS},
            {
                "format": str(FORMAT),
                "server": str(major),
                "ignore": "\n".join(sorted(scope.ignore)),
                "schemas": "\n".join(sorted(scope.schemas)),
            }
            # Where nothing is managed, digests are what they were before this was known.
            | ({MANAGED: "\n".join(told)} if told else {}),
            objects(_orders(rows["columns"])),
        )


def scope_of(fingerprint: Fingerprint) -> FingerprintScope:
    """Give the scope with which a fingerprint was taken, so that another can be compared."""

    def lines(name: str) -> tuple[str, ...]:
        return tuple(fingerprint.scope.get(name, "").splitlines())

    return FingerprintScope(ignore=lines("ignore"), schemas=lines("schemas"))


def keep(ledger: Ledger, fingerprint: Fingerprint) -> str:
    """Store a fingerprint once per content, in the transaction that is open; give its digest."""
    digest = fingerprint.digest
    stored = {
        **fingerprint.sections,
        _STORED_SCOPE: fingerprint.scope,
        _COLUMN_ORDER: fingerprint.column_order,
    }
    values = {
        "digest": digest,
        "sections": json.encode(fingerprint.section_digests).decode(),
        "objects": zlib.compress(json.encode(stored), _FASTEST),
    }
    ledger.execute(_KEEP, values)
    return digest


def load(ledger: Ledger, digest: str) -> Fingerprint:
    """Give a stored fingerprint."""
    objects: bytes = ledger.row(_LOAD, {"digest": digest})[0]
    stored = json.decode(zlib.decompress(objects), type=dict[str, dict[str, str]])
    scope, order = stored.pop(_STORED_SCOPE, {}), stored.pop(_COLUMN_ORDER, {})
    return Fingerprint(stored, scope, order)


def _orders(columns: Iterable[TupleRow]) -> list[TupleRow]:
    """Give each table with its columns in their order, and what it belongs to."""
    tables: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for name, _, owner, place, column in columns:
        if place is not None:
            table = name[: -len(column) - 1]
            tables.setdefault((table, owner), []).append((place, column))
    return [
        (table, ", ".join(column for _, column in sorted(placed)), owner)
        for (table, owner), placed in tables.items()
    ]


def _first(row: TupleRow) -> str:
    name: str = row[0]
    return name
