"""Taking a fingerprint, and telling two of them apart."""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from msgspec import json

from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.ledger.schema import SCHEMA_MARK
from meshmigrate.engine.ledger.store import Ledger

SECTIONS: Final = (
    "schemas",
    "relations",
    "columns",
    "constraints",
    "indexes",
    "triggers",
    "functions",
    "policies",
    "views",
    "sequences",
    "types",
    "grants",
    "comments",
)
"""Each is a query of object and definition in a file of that name."""

_SCHEMAS: Final = """
SELECT coalesce(pg_catalog.array_agg(n.oid), '{}')
FROM pg_catalog.pg_namespace AS n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT pg_catalog.starts_with(
      coalesce(pg_catalog.obj_description(n.oid, 'pg_namespace'), ''), %(mark)s)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d
                  WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
                    AND d.objid = n.oid AND d.deptype = 'e')
"""
_KEEP: Final = """
INSERT INTO {ledger}.fingerprint (digest, sections, objects, taken_at)
VALUES (%(digest)s, %(sections)s::jsonb, %(objects)s, pg_catalog.clock_timestamp())
ON CONFLICT DO NOTHING
"""
_LOAD: Final = "SELECT objects FROM {ledger}.fingerprint WHERE digest = %(digest)s"

Sections = Mapping[str, Mapping[str, str]]
"""Section to object to definition."""


_FREE_TEXT: Final = frozenset({"functions", "comments"})
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Difference:
    """An object that two fingerprints show differently; an empty definition is its absence."""

    section: str
    object: str
    before: str
    after: str

    def __str__(self) -> str:
        before, after = self._shown(self.before), self._shown(self.after)
        if not after:
            return f"{self.section}: {self.object} is missing; it was: {before}"
        if not before:
            return f"{self.section}: {self.object} was not there before; it is: {after}"
        return f"{self.section}: {self.object} was: {before}; it is: {after}"

    def _shown(self, definition: str) -> str:
        """Give a definition without what may be a secret in it: it leaves the database.

        Tokens stand in the bodies of functions, in comments and in literals; the ledger keeps
        the whole definition.
        """
        if not definition:
            return ""
        digest = hashlib.sha256(definition.encode()).hexdigest()[:8]
        if self.section in _FREE_TEXT:
            return f"text {digest}"
        text = " ".join(_LITERAL.sub("'…'", definition).split())
        return text if "'…'" not in text else f"{text} (text {digest})"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The schema as sorted text."""

    sections: Sections

    @property
    def section_digests(self) -> dict[str, str]:
        """SHA-256 of each section."""
        return {name: _sha256(objects) for name, objects in self.sections.items()}

    @property
    def digest(self) -> str:
        """SHA-256 over all sections."""
        return _sha256(self.section_digests)

    def differences(self, after: "Fingerprint") -> Iterator[Difference]:
        """Give every object that another fingerprint, taken later, shows differently."""
        for section in SECTIONS:
            ours, theirs = self.sections.get(section, {}), after.sections.get(section, {})
            for name in sorted(ours.keys() | theirs.keys()):
                if ours.get(name) != theirs.get(name):
                    yield Difference(section, name, ours.get(name, ""), theirs.get(name, ""))


def take(connection: Connection) -> Fingerprint:
    """Read the catalog: everything but the system's, the ledgers' and the extensions' objects.

    In one snapshot and without a search path, so that every name is written in full and the
    result is the same whoever reads.
    """
    with session.snapshot(connection):
        row = connection.execute(_SCHEMAS, {"mark": SCHEMA_MARK}).fetchone()
        schemas = {"schemas": row[0] if row else []}
        return Fingerprint(
            {
                section: {
                    name: definition or ""
                    for name, definition in sorted(connection.execute(_query(section), schemas))
                }
                for section in SECTIONS
            }
        )


def keep(ledger: Ledger, fingerprint: Fingerprint) -> str:
    """Store a fingerprint once per content, in the transaction that is open; give its digest."""
    values = {
        "digest": fingerprint.digest,
        "sections": json.encode(fingerprint.section_digests).decode(),
        "objects": zlib.compress(json.encode(fingerprint.sections)),
    }
    ledger.execute(_KEEP, values)
    return fingerprint.digest


def load(ledger: Ledger, digest: str) -> Fingerprint:
    """Give a stored fingerprint."""
    objects: bytes = ledger.row(_LOAD, {"digest": digest})[0]
    sections = json.decode(zlib.decompress(objects), type=dict[str, dict[str, str]])
    return Fingerprint(sections)


@cache
def _query(section: str) -> bytes:
    return files(__package__).joinpath(f"{section}.sql").read_bytes()


def _sha256(content: Mapping[str, str]) -> str:
    return f"sha256:{hashlib.sha256(json.encode(sorted(content.items()))).hexdigest()}"
