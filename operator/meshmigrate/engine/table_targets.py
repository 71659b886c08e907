"""From the locks that a script takes to the relations they are on, and who else holds those."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from psycopg.rows import TupleRow

from meshmigrate.domain.table_lock import LockMode, Reach, TableLock
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.probe import Server

Targets = Mapping[int, LockMode]
"""The strongest lock that is needed on each relation, by its oid."""
TransactionKey = tuple[int | None, str]
"""Process and virtual transaction."""

_OLD: Final = 0.3

_SCRIPT_PATH: Final = "SELECT pg_catalog.current_schemas(true)::pg_catalog.text[]"

# The flags of a relation tell whether there is anything to reach from it: a foreign key, for one,
# is made of triggers on both sides. For a plain table that saves the longer query (3 ms).
_NAMED: Final = """
SELECT c.oid, n.mode, n.reach, n.part,
       CASE n.reach WHEN 'itself' THEN false
                    WHEN 'descendants' THEN c.relhassubclass
                    WHEN 'partitioned table' THEN c.relispartition
                    WHEN 'foreign keys' THEN c.relhastriggers
                    WHEN 'referring' THEN c.relhastriggers
                    ELSE true END
FROM unnest(%(schemas)s::text[], %(names)s::text[], %(modes)s::int[], %(reaches)s::text[],
            %(parts)s::text[]) AS n(schema, name, mode, reach, part)
CROSS JOIN LATERAL (
    SELECT c.oid, c.relhassubclass, c.relispartition, c.relhastriggers
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
    WHERE c.relname = n.name
      AND (s.nspname = n.schema OR n.schema = '' AND s.nspname::text = ANY (%(path)s))
    ORDER BY array_position(%(path)s::text[], s.nspname::text)
    LIMIT 1) AS c
"""
_REACHED: Final = """
WITH RECURSIVE named AS (
    SELECT * FROM unnest(%(oids)s::oid[], %(modes)s::int[], %(reaches)s::text[], %(parts)s::text[])
        AS n(oid, mode, reach, part)
), descendants AS (
    SELECT i.inhrelid AS oid, n.mode FROM named AS n
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = n.oid AND n.reach = 'descendants'
    UNION
    SELECT i.inhrelid, d.mode FROM descendants AS d
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = d.oid
), referring AS (
    SELECT f.conrelid AS oid, n.mode FROM named AS n
    JOIN pg_catalog.pg_constraint AS f ON f.confrelid = n.oid AND n.reach = 'referring'
    UNION
    SELECT f.conrelid, r.mode FROM referring AS r
    JOIN pg_catalog.pg_constraint AS f ON f.confrelid = r.oid
), partitioned AS (
    SELECT i.inhparent AS oid, n.mode FROM named AS n
    JOIN pg_catalog.pg_class AS c ON c.oid = n.oid AND c.relispartition
    JOIN pg_catalog.pg_inherits AS i ON i.inhrelid = n.oid
    WHERE n.reach = 'partitioned table'
), with_default AS (
    SELECT oid, mode FROM named WHERE reach = 'default partition'
    UNION ALL
    SELECT oid, mode FROM partitioned
)
SELECT oid, mode FROM descendants
UNION SELECT oid, mode FROM referring
UNION SELECT oid, mode FROM partitioned
UNION SELECT p.partdefid, w.mode FROM with_default AS w
      JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = w.oid AND p.partdefid <> 0
UNION SELECT i.indrelid, n.mode FROM named AS n
      JOIN pg_catalog.pg_index AS i ON i.indexrelid = n.oid AND n.reach = 'indexed table'
UNION SELECT CASE n.oid WHEN f.conrelid THEN f.confrelid ELSE f.conrelid END, n.mode
      FROM named AS n
      JOIN pg_catalog.pg_constraint AS f ON n.oid IN (f.conrelid, f.confrelid)
      WHERE n.reach = 'foreign keys' AND f.contype = 'f'
        AND (n.part IN ('', f.conname) OR EXISTS (
            SELECT FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = n.oid AND a.attname = n.part
              AND a.attnum = ANY (CASE n.oid WHEN f.conrelid THEN f.conkey ELSE f.confkey END)))
"""

# Only whether it is the vacuum that does not yield leaves the server, never a query's text.
# Of other roles an ordinary one sees the process, not when its transaction began, nor the text:
# then the age of the table says whether a vacuum of it has to prevent wraparound. An autovacuum
# worker belongs to no role.
_HOLDERS: Final = """
SELECT DISTINCT ON (l.virtualtransaction, l.pid)
       l.pid, l.virtualtransaction, coalesce(a.application_name, ''), coalesce(a.usename, ''),
       coalesce(a.state, ''), extract(epoch FROM clock_timestamp() - a.xact_start)::float8,
       a.usesysid IS NULL AND (
           EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum AS v WHERE v.pid = l.pid)
           OR EXISTS (SELECT FROM pg_catalog.pg_stat_progress_analyze AS v WHERE v.pid = l.pid)),
       CASE WHEN a.query LIKE 'autovacuum: %%' THEN a.query LIKE '%%(to prevent wraparound)%%'
            ELSE coalesce(age(c.relfrozenxid) > least(
                current_setting('autovacuum_freeze_max_age')::int,
                (SELECT o.option_value::int FROM pg_options_to_table(c.reloptions) AS o
                 WHERE o.option_name = 'autovacuum_freeze_max_age')), false)
       END
FROM unnest(%(relations)s::oid[], %(modes)s::text[]) AS t(relation, mode)
JOIN pg_catalog.pg_locks AS l ON l.relation = t.relation AND l.mode = t.mode
JOIN pg_catalog.pg_class AS c ON c.oid = l.relation
LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                    WHERE d.datname = current_database())
ORDER BY l.virtualtransaction, l.pid
"""


class Holder(NamedTuple):
    """A transaction with a lock that conflicts with one that is needed."""

    pid: int | None
    """None for a prepared transaction."""
    transaction: str
    application: str
    user: str
    state: str
    age: float | None
    """Seconds since it began; None where the server does not show it to our role."""
    autovacuum: bool
    prevents_wraparound: bool
    """Whether a vacuum of this table has to, and so does not yield."""

    @property
    def key(self) -> TransactionKey:
        """What tells this transaction from all others."""
        return self.pid, self.transaction

    @property
    def yields(self) -> bool:
        """Whether it ends by itself when somebody waits for it longer than deadlock_timeout."""
        return self.autovacuum and not self.prevents_wraparound

    def is_old(self, before: set[TransactionKey] | None) -> bool:
        """Whether it is older than 300 ms, or, where that is hidden, was there before.

        Parameters
        ----------
        before
            The holders some time ago; None if nobody has looked: then it may well be old.
        """
        if self.age is not None:
            return self.age > _OLD
        return before is None or self.key in before

    def __str__(self) -> str:
        if self.pid is None:
            return "a prepared transaction (see pg_prepared_xacts)"
        facts = [f"user {self.user}"] if self.user else []
        if self.autovacuum:
            facts.append("autovacuum")
        if self.autovacuum and self.prevents_wraparound:
            facts.append("which prevents wraparound and does not yield: let it finish")
        facts.append(self.state or "state hidden")
        if self.age is not None:
            facts.append(f"in a transaction for {self.age:.1f} s")
        name = f" '{self.application}'" if self.application else ""
        return f"process {self.pid}{name} ({', '.join(facts)})"


def find_targets(connection: Connection, server: Server, locks: Iterable[TableLock]) -> Targets:
    """Look up what is there of the relations that a script locks; no transaction may be open.

    Names without a schema are found as the script's role finds them at its start.
    """
    wanted = list(locks)
    if not wanted:
        return {}
    path = script_path(connection, server)
    session.reset(connection, server)
    return resolve(connection, wanted, path)


def script_path(connection: Connection, server: Server) -> list[str]:
    """Give the schemas in which a script finds names; the session is then the script's."""
    with session.translated():
        session.enter_script(connection, server)
        path = connection.execute(_SCRIPT_PATH).fetchone()
    return path[0] if path else []


def resolve(connection: Connection, wanted: Collection[TableLock], path: list[str]) -> Targets:
    """Look up what is there of the relations that are locked, and what is reached from them."""
    values = {
        "path": path,
        "schemas": [lock.schema for lock in wanted],
        "names": [lock.name for lock in wanted],
        "modes": [int(lock.mode) for lock in wanted],
        "reaches": [lock.reach.value for lock in wanted],
        "parts": [lock.part for lock in wanted],
    }
    targets: dict[int, LockMode] = defaultdict(lambda: LockMode.ACCESS_SHARE)
    with session.translated():
        named = connection.execute(_NAMED, values).fetchall()
        far = [row for row in named if row[-1]]
        for oid, mode in [*_itself(named), *(_reached(connection, far) if far else ())]:
            targets[oid] = max(targets[oid], LockMode(mode))
    return targets


def _itself(named: list[TupleRow]) -> Iterator[tuple[int, int]]:
    for oid, mode, reach, _, _ in named:
        if reach == Reach.ITSELF.value:
            yield oid, mode


def _reached(connection: Connection, named: list[TupleRow]) -> list[TupleRow]:
    columns = zip(*named, strict=True)
    values = dict(zip(("oids", "modes", "reaches", "parts"), map(list, columns), strict=False))
    return connection.execute(_REACHED, values).fetchall()


def find_holders(connection: Connection, targets: Targets) -> list[Holder]:
    """Find the transactions of others that hold what conflicts with the locks needed."""
    pairs = [(oid, other.listed_as) for oid, mode in targets.items() for other in mode.conflicts]
    values = {"relations": [oid for oid, _ in pairs], "modes": [mode for _, mode in pairs]}
    with session.translated():
        return [Holder(*row) for row in connection.execute(_HOLDERS, values)]
