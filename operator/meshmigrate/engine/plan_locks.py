"""Which relations a plan locks, by the names they have now; a savepoint takes back the search."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from meshmigrate.domain.table_lock import LockMode
from meshmigrate.engine import session
from meshmigrate.engine.looking import Sight
from meshmigrate.engine.prepared import PreparedScript
from meshmigrate.engine.table_targets import Targets, resolve, script_path

Locks = Mapping[str, LockMode]
"""The strongest lock on each relation, by its qualified name."""

_NAMES: Final = """
SELECT c.oid, pg_catalog.format('%%I.%%I', s.nspname, c.relname)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS s ON s.oid = c.relnamespace
WHERE c.oid = ANY (%(oids)s::oid[])
"""


def read_locks(sight: Sight, scripts: Sequence[PreparedScript]) -> list[Locks]:
    """Look up what each script locks of the relations that are there now."""
    connection = sight.ledger.connection
    with session.translated():
        connection.execute("SAVEPOINT path")
        path = script_path(connection, sight.server)
        connection.execute("ROLLBACK TO SAVEPOINT path")
    wanted = [each.locks for each in scripts]
    targets = [resolve(connection, locks, path) if locks else {} for locks in wanted]
    names = _names(sight, targets)
    return [{names[oid]: mode for oid, mode in found.items()} for found in targets]


def _names(sight: Sight, targets: Iterable[Targets]) -> dict[int, str]:
    oids = list({oid for found in targets for oid in found})
    with session.translated():
        rows = sight.ledger.connection.execute(_NAMES, {"oids": oids}).fetchall()
    return dict(rows)


def united(locks: Iterable[Locks]) -> Locks:
    """Give what a transaction holds at its end that takes all of these."""
    held: dict[str, LockMode] = {}
    for each in locks:
        for name, mode in each.items():
            held[name] = max(mode, held.get(name, mode))
    return held


def strongest_first(locks: Locks) -> dict[str, str]:
    """Put locks into words, the strongest first."""
    ordered = sorted(locks.items(), key=lambda item: (-item[1], item[0]))
    return {name: mode.words for name, mode in ordered}
