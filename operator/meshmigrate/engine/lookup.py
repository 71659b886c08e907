"""Looking up what statements outside transactions leave: indexes, copies, partitions, the rest."""

from typing import Final

from psycopg.rows import TupleRow

from meshmigrate.domain.script import Action, Name, Outside, SharedCatalog
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.session import translated

_OF_RELATIONS: Final = {
    Action.CREATE_INDEX,
    Action.DROP_INDEX,
    Action.REINDEX_INDEX,
    Action.REINDEX_TABLE,
    Action.DETACH_PARTITION,
}
"""Actions on what the search path finds."""

_QUALIFIED = """
SELECT pg_catalog.quote_ident(n.nspname), pg_catalog.quote_ident(c.relname)
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass(%s)
"""
_INDEX = """
SELECT i.indisvalid AND i.indisready
FROM pg_catalog.pg_index AS i WHERE i.indexrelid = pg_catalog.to_regclass(%s)
"""
# A definition is what follows the names of index and table.
_DEFINITION = """
SELECT i.indisunique,
       pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), '^.*? USING ', '')
FROM pg_catalog.pg_index AS i WHERE i.indexrelid = pg_catalog.to_regclass(%s)
"""
_ATTACHED = """
SELECT h.inhdetachpending FROM pg_catalog.pg_inherits AS h
WHERE h.inhrelid = pg_catalog.to_regclass(%s) AND h.inhparent = pg_catalog.to_regclass(%s)
"""
# A table, its partitions, and what PostgreSQL stores beside each of them.
_TABLES = """
WITH named AS (
    SELECT coalesce((SELECT i.indrelid FROM pg_catalog.pg_index AS i
                     WHERE i.indexrelid = pg_catalog.to_regclass(%s)),
                    pg_catalog.to_regclass(%s)::oid) AS oid
), tree AS (
    SELECT oid FROM named
    UNION SELECT p.relid::oid FROM named, pg_catalog.pg_partition_tree(named.oid) AS p
)
SELECT c.oid FROM tree JOIN pg_catalog.pg_class AS c USING (oid)
UNION SELECT c.reltoastrelid FROM tree JOIN pg_catalog.pg_class AS c USING (oid)
"""
# All tables of a schema, or of the database, without the system's own.
_ALL_TABLES = """
WITH tree AS (
    SELECT c.oid, c.reltoastrelid FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND (n.nspname = %s OR %s AND n.nspname <> 'pg_catalog')
)
SELECT oid FROM tree UNION SELECT reltoastrelid FROM tree
"""
# A subscription belongs to a database, and is listed with those of all others.
_SHARED: Final = {
    SharedCatalog.DATABASE: "SELECT FROM pg_catalog.pg_database WHERE datname = %s",
    SharedCatalog.TABLESPACE: "SELECT FROM pg_catalog.pg_tablespace WHERE spcname = %s",
    SharedCatalog.SUBSCRIPTION: """
        SELECT FROM pg_catalog.pg_subscription AS s
        JOIN pg_catalog.pg_database AS d ON d.oid = s.subdbid
        WHERE s.subname = %s AND d.datname = pg_catalog.current_database()
    """,
}
_INVALID = """
SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname)
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE i.indrelid = ANY(%(tables)s::oid[]) AND NOT (i.indisvalid AND i.indisready)
    AND c.relkind = 'i'
    AND CASE WHEN c.relname ~ '_cc(new|old)[0-9]*$'
             THEN %(copies)s OR n.nspname <> 'pg_toast' ELSE NOT %(copies)s END
ORDER BY 1
"""
# Both are visible to every role; a lock alone may be that of a vacuum, which yields to a DROP.
_BUILDING = """
SELECT l.pid FROM pg_catalog.pg_locks AS l
JOIN pg_catalog.pg_stat_progress_create_index AS p ON p.pid = l.pid
WHERE l.locktype = 'relation' AND l.relation = ANY(%s::oid[]) AND l.granted
    AND l.mode = 'ShareUpdateExclusiveLock' AND l.pid <> pg_catalog.pg_backend_pid()
    AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d
                      WHERE d.datname = pg_catalog.current_database())
"""


def find_index(connection: Connection, index: str) -> bool | None:
    """Tell whether an index is valid and ready; None if there is none of that name."""
    row = connection.execute(_INDEX, [index or None]).fetchone()
    return None if row is None else bool(row[0])


def find_definition(connection: Connection, index: str) -> TupleRow | None:
    """Give what an index is, without the names of index and table."""
    return connection.execute(_DEFINITION, [index]).fetchone()


def find_attachment(connection: Connection, partition: str, parent: str) -> bool | None:
    """Tell whether a partition waits to be detached; None if it is not attached."""
    row = connection.execute(_ATTACHED, [partition, parent]).fetchone()
    return None if row is None else bool(row[0])


def find_tables(connection: Connection, relation: str, table: str) -> list[int]:
    """Give the tables that belong to an index, or else to a table: partitions and TOAST too."""
    return [oid for (oid,) in connection.execute(_TABLES, [relation or None, table or None])]


def find_all_tables(connection: Connection, schema: str | None) -> list[int]:
    """Give the tables of a schema, or of the whole database without its system's: TOAST too."""
    return [oid for (oid,) in connection.execute(_ALL_TABLES, [schema, schema is None])]


def is_listed(connection: Connection, catalog: SharedCatalog, name: str) -> bool:
    """Tell whether a catalog of the whole server has an object of that name."""
    return connection.execute(_SHARED[catalog].encode(), [name]).fetchone() is not None


def find_invalid(connection: Connection, tables: list[int], *, copies: bool) -> list[str]:
    """Name the INVALID indexes of tables, qualified and quoted; only REINDEX's copies if asked.

    Otherwise without copies beside the table: who may not drop them can only live with them.
    """
    values = {"tables": tables, "copies": copies}
    return [name for (name,) in connection.execute(_INVALID, values).fetchall()]


def is_stored_beside(index: str) -> bool:
    """Tell whether a qualified name is one of what PostgreSQL stores beside a table."""
    return index.startswith("pg_toast.")


def is_building(connection: Connection, tables: list[int]) -> bool:
    """Tell whether another session is building an index of the tables."""
    return connection.execute(_BUILDING, [tables]).fetchone() is not None


def locate(connection: Connection, outside: Outside) -> tuple[str, str]:
    """Give object and table, qualified and quoted, as the names mean in the script's session.

    What does not exist is given as it is written: the server will say so.
    """
    if outside.action not in _OF_RELATIONS:
        return quoted(outside.object), ""
    with translated():
        if outside.action is not Action.CREATE_INDEX:
            return _locate(connection, outside.object), _locate(connection, outside.table)
        found = _qualified(connection, outside.table)
        if found is None:
            return quoted(outside.object), quoted(outside.table)
        index = connection.execute("SELECT pg_catalog.quote_ident(%s)", outside.object).fetchone()
        # An index is in the schema of its table.
        return f"{found[0]}.{index[0] if index else ''}", ".".join(found)


def _locate(connection: Connection, name: Name) -> str:
    row = _qualified(connection, name) if name else None
    return ".".join(row) if row else quoted(name)


def _qualified(connection: Connection, name: Name) -> tuple[str, str] | None:
    row = connection.execute(_QUALIFIED, [quoted(name)]).fetchone()
    return (row[0], row[1]) if row else None


def quoted(name: Name) -> str:
    """Write a name so that it means exactly this."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name)
