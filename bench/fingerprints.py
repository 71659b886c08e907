"""The fingerprint of a schema, beyond the connection."""

import time
from pathlib import Path
from statistics import median
from typing import Final

from bench.figures import Figure, spread
from bench.ground import Ground
from meshmigrate.engine.fingerprint import catalog

_LIMITS: Final = {500: 0.3, 2000: 1.0}
_TABLE: Final = """
CREATE TABLE {name} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent bigint REFERENCES {name},
    name text NOT NULL CHECK (name <> ''),
    state text NOT NULL DEFAULT 'new',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON {name} (state, created_at);
COMMENT ON TABLE {name} IS 'One of many.';
GRANT SELECT ON {name} TO PUBLIC;
"""


def fingerprints(ground: Ground, root: Path, rounds: int, scale: float) -> list[Figure]:
    """Take the fingerprint of schemas of 500 and 2,000 tables."""
    del root
    return [_of(ground, round(tables * scale), rounds, limit) for tables, limit in _LIMITS.items()]


def _of(ground: Ground, tables: int, rounds: int, limit: float) -> Figure:
    seconds = []
    name = ground.new_database()
    with ground.connect(name) as connection:
        for index in range(tables):
            connection.execute(_TABLE.format(name=f"t{index:05}").encode())
        connection.execute("ANALYZE")
        for _ in range(rounds):
            with ground.connect(name) as fresh:
                began = time.monotonic()
                catalog.take(fresh)
                seconds.append(time.monotonic() - began)
    how = f"on a new connection, median of {rounds} ({spread(seconds)})"
    return Figure(f"Fingerprint, {tables} tables", median(seconds), "s", how, limit=limit)
