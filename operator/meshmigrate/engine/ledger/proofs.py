"""Which pairs of scripts are proven: a migration and its rollback script, by their content."""

from collections.abc import Iterable
from typing import Final

from meshmigrate.domain.script import Migration
from meshmigrate.domain.version import Version
from meshmigrate.engine.ledger.store import Ledger

_RECORD = """
INSERT INTO {ledger}.verified AS v (checksum, rollback_checksum, verified_at)
VALUES (%(checksum)s, %(rollback_checksum)s, pg_catalog.clock_timestamp())
ON CONFLICT (checksum, rollback_checksum) DO UPDATE SET verified_at = excluded.verified_at
"""
# A ledger that is not upgraded yet has no such table: whoever only looks leaves it so.
_EXISTS: Final = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_class AS c
               JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
               WHERE n.nspname = %(schema)s AND c.relname = 'verified')
"""
_PROVEN: Final = """
SELECT checksum, rollback_checksum FROM {ledger}.verified WHERE checksum = ANY(%(checksums)s)
"""


def record(ledger: Ledger, migration: Migration) -> None:
    """Record that a migration and its rollback script are proven."""
    if migration.rollback is None:
        raise ValueError("a migration without a rollback script is no pair")
    values = {
        "checksum": migration.script.checksum,
        "rollback_checksum": migration.rollback.checksum,
    }
    ledger.execute(_RECORD, values)


def proven(ledger: Ledger, migrations: Iterable[Migration]) -> frozenset[Version]:
    """Give those versions whose two scripts, as they are, have been proven."""
    pairs = {
        each.version: (each.script.checksum, each.rollback.checksum)
        for each in migrations
        if each.rollback is not None
    }
    if not pairs or not ledger.row(_EXISTS, {"schema": ledger.schema})[0]:
        return frozenset()
    values = {"checksums": [checksum for checksum, _ in pairs.values()]}
    found = set(ledger.execute(_PROVEN, values))
    return frozenset(version for version, pair in pairs.items() if pair in found)
