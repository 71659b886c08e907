"""Which of the rights that are needed a role does not have, looked up in the catalog."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, LiteralString, NamedTuple

from meshmigrate.domain.privilege import Kind, Need
from meshmigrate.engine import session
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.probe import Server

_MAINTAIN_SINCE: Final = 17
_SET_OPTION_SINCE: Final = 16

# With supautils a platform allows its roles more than the catalog says.
_AS_SCRIPT: Final = """
SELECT current_user::text, pg_catalog.quote_ident(current_user),
       (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)
           OR coalesce(pg_catalog.current_setting('supautils.privileged_role', true), '') <> '',
       pg_catalog.current_schemas(true)::pg_catalog.text[],
       coalesce(pg_catalog.current_schema()::text, '')
"""
_DATABASE: Final = """
SELECT 1, 'CREATE on database ' || d.name,
       'GRANT CREATE ON DATABASE ' || d.name || ' TO ' || %(quoted)s || ';'
FROM pg_catalog.quote_ident(pg_catalog.current_database()) AS d(name)
WHERE NOT pg_catalog.has_database_privilege(
    %(role)s::name, pg_catalog.current_database()::text, 'CREATE')
"""
# One that is there already needs nothing; one that is not trusted is a matter of the platform.
_EXTENSION: Final = """
SELECT n.i, 'CREATE on database ' || d.name || ' for the extension ' || n.name,
       'GRANT CREATE ON DATABASE ' || d.name || ' TO ' || %(quoted)s || ';'
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, i)
JOIN pg_catalog.pg_available_extensions AS e ON e.name::text = n.name
    AND e.installed_version IS NULL
JOIN pg_catalog.pg_available_extension_versions AS v
    ON v.name = e.name AND v.version = e.default_version AND v.superuser AND v.trusted
CROSS JOIN pg_catalog.quote_ident(pg_catalog.current_database()) AS d(name)
WHERE NOT pg_catalog.has_database_privilege(
    %(role)s::name, pg_catalog.current_database()::text, 'CREATE')
"""
_SCHEMA: Final = """
SELECT n.i,
       CASE n.word WHEN 'own' THEN 'ownership of' ELSE n.word || ' on' END || ' schema ' || s.name,
       CASE n.word
           WHEN 'own' THEN 'ALTER SCHEMA ' || s.name || ' OWNER TO ' || %(quoted)s
           ELSE 'GRANT ' || n.word || ' ON SCHEMA ' || s.name || ' TO ' || %(quoted)s
       END || ';'
FROM unnest(%(names)s::text[], %(words)s::text[]) WITH ORDINALITY AS n(name, word, i)
JOIN pg_catalog.pg_namespace AS p ON p.nspname = coalesce(nullif(n.name, ''), %(current)s)
CROSS JOIN pg_catalog.quote_ident(p.nspname) AS s(name)
WHERE NOT CASE n.word
    WHEN 'own' THEN pg_catalog.pg_has_role(%(role)s::name, p.nspowner, 'USAGE')
    ELSE pg_catalog.has_schema_privilege(%(role)s::name, p.oid, n.word) END
"""
# Columns may have privileges of their own: one that suffices for any of them is enough here.
_RELATION: Final = """
SELECT n.i,
       CASE WHEN n.word IN ('own', 'drop', 'replace', 'MAINTAIN')
            THEN 'ownership of ' || c.name || ', which belongs to ' || c.owner
            ELSE n.word || ' on ' || c.name END,
       CASE WHEN n.word NOT IN ('own', 'drop', 'replace', 'MAINTAIN')
            THEN 'GRANT ' || n.word || ' ON ' || c.name || ' TO ' || %(quoted)s
            WHEN c.relkind IN ('r', 'p')
            THEN 'ALTER TABLE ' || c.name || ' OWNER TO ' || %(quoted)s
            ELSE 'GRANT ' || c.owner || ' TO ' || %(quoted)s END || ';'
FROM unnest(%(schemas)s::text[], %(names)s::text[], %(words)s::text[])
    WITH ORDINALITY AS n(schema, name, word, i)
CROSS JOIN LATERAL (
    SELECT c.oid, c.relkind, c.relowner, p.nspowner,
           pg_catalog.quote_ident(p.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS name,
           pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(c.relowner)) AS owner
    FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS p ON p.oid = c.relnamespace
    WHERE c.relname = n.name
      AND (p.nspname = n.schema OR n.schema = '' AND p.nspname::text = ANY (%(path)s))
    ORDER BY array_position(%(path)s::text[], p.nspname::text)
    LIMIT 1) AS c
WHERE NOT CASE
    WHEN pg_catalog.pg_has_role(%(role)s::name, c.relowner, 'USAGE') THEN true
    WHEN n.word IN ('own', 'replace') THEN false
    WHEN n.word = 'drop' THEN pg_catalog.pg_has_role(%(role)s::name, c.nspowner, 'USAGE')
    WHEN n.word = 'MAINTAIN' AND NOT %(maintain)s THEN false
    WHEN n.word IN ('DELETE', 'TRUNCATE', 'TRIGGER', 'MAINTAIN')
        THEN pg_catalog.has_table_privilege(%(role)s::name, c.oid, n.word)
    ELSE pg_catalog.has_any_column_privilege(%(role)s::name, c.oid, n.word) END
"""
_TYPE: Final = """
SELECT n.i, 'ownership of type ' || t.name || ', which belongs to ' || t.owner,
       'ALTER TYPE ' || t.name || ' OWNER TO ' || %(quoted)s || ';'
FROM unnest(%(schemas)s::text[], %(names)s::text[], %(words)s::text[])
    WITH ORDINALITY AS n(schema, name, word, i)
CROSS JOIN LATERAL (
    SELECT pg_catalog.quote_ident(p.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS name,
           pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(t.typowner)) AS owner,
           t.typowner, p.nspowner
    FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS p ON p.oid = t.typnamespace
    WHERE t.typname = n.name
      AND (p.nspname = n.schema OR n.schema = '' AND p.nspname::text = ANY (%(path)s))
    ORDER BY array_position(%(path)s::text[], p.nspname::text)
    LIMIT 1) AS t
WHERE NOT (pg_catalog.pg_has_role(%(role)s::name, t.typowner, 'USAGE')
    OR n.word = 'drop' AND pg_catalog.pg_has_role(%(role)s::name, t.nspowner, 'USAGE'))
"""
# Which of several routines of a name is meant depends on its arguments: one of them suffices.
_ROUTINE: Final = """
SELECT n.i, 'ownership of routine ' || r.name || ', which belongs to ' || r.owner,
       'ALTER ROUTINE ' || r.name || ' OWNER TO ' || %(quoted)s || ';'
FROM unnest(%(schemas)s::text[], %(names)s::text[], %(words)s::text[])
    WITH ORDINALITY AS n(schema, name, word, i)
CROSS JOIN LATERAL (
    SELECT min(r.oid::pg_catalog.regprocedure::text) AS name,
           min(pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r.proowner))) AS owner,
           bool_or(pg_catalog.pg_has_role(%(role)s::name, r.proowner, 'USAGE')
               OR n.word = 'drop'
               AND pg_catalog.pg_has_role(%(role)s::name, p.nspowner, 'USAGE')) AS allowed
    FROM pg_catalog.pg_proc AS r JOIN pg_catalog.pg_namespace AS p ON p.oid = r.pronamespace
    WHERE r.proname = n.name
      AND (p.nspname = n.schema OR n.schema = '' AND p.nspname::text = ANY (%(path)s))
) AS r
WHERE NOT r.allowed
"""
_ROLE: Final = """
SELECT n.i, 'membership in role ' || pg_catalog.quote_ident(r.rolname),
       'GRANT ' || pg_catalog.quote_ident(r.rolname) || ' TO ' || %(quoted)s || %(with_set)s || ';'
FROM unnest(%(names)s::text[]) WITH ORDINALITY AS n(name, i)
JOIN pg_catalog.pg_roles AS r ON r.rolname = n.name
WHERE NOT pg_catalog.pg_has_role(%(role)s::name, r.oid, 'MEMBER')
"""
_LEDGER: Final = """
SELECT r.name, CASE WHEN p.oid IS NULL THEN 'CREATE on database ' || d.name
                    ELSE 'ownership of schema ' || s.name END || ', for the ledger',
       CASE WHEN p.oid IS NULL THEN 'GRANT CREATE ON DATABASE ' || d.name || ' TO '
            ELSE 'ALTER SCHEMA ' || s.name || ' OWNER TO ' END || r.name || ';'
FROM pg_catalog.quote_ident(current_user) AS r(name)
CROSS JOIN pg_catalog.quote_ident(pg_catalog.current_database()) AS d(name)
CROSS JOIN pg_catalog.quote_ident(%(schema)s) AS s(name)
LEFT JOIN pg_catalog.pg_namespace AS p ON p.nspname = %(schema)s
WHERE NOT CASE
    WHEN p.oid IS NULL THEN pg_catalog.has_database_privilege(
        current_user, pg_catalog.current_database()::text, 'CREATE')
    ELSE pg_catalog.pg_has_role(current_user, p.nspowner, 'USAGE') END
"""
_QUERIES: Final[Mapping[Kind, LiteralString]] = {
    Kind.DATABASE: _DATABASE,
    Kind.EXTENSION: _EXTENSION,
    Kind.SCHEMA: _SCHEMA,
    Kind.RELATION: _RELATION,
    Kind.TYPE: _TYPE,
    Kind.ROUTINE: _ROUTINE,
    Kind.ROLE: _ROLE,
}


class Missing(NamedTuple):
    """A right that a role does not have."""

    need: Need | None
    """None for what the ledger needs."""
    role: str
    """Quoted."""
    what: str
    """What it is, in words."""
    fix: str
    """The statement that gives it."""


def find_missing(connection: Connection, server: Server, needs: Iterable[Need]) -> list[Missing]:
    """Find the rights that the scripts' role does not have, in the order in which they are needed.

    Things that are not there are passed over.
    """
    wanted = list(needs)
    if not wanted:
        return []
    with session.translated(), connection.transaction(force_rollback=True):
        session.enter_script(connection, server)
        row = connection.execute(_AS_SCRIPT).fetchone()
    role, quoted, unlimited, path, current = row or ("", "", True, [], "")
    if unlimited:
        return []
    with_set = server.major >= _SET_OPTION_SINCE
    known: dict[str, Any] = {
        "role": role,
        "quoted": quoted,
        "path": path,
        "current": current,
        "maintain": server.major >= _MAINTAIN_SINCE,
        "with_set": " WITH SET TRUE" if with_set else "",
    }
    found: dict[Need, Missing] = {}
    with session.translated():
        for kind, query in _QUERIES.items():
            asked = [need for need in wanted if need.kind is kind]
            if asked:
                for number, what, fix in connection.execute(query, known | _columns(asked)):
                    need = asked[number - 1]
                    found[need] = Missing(need, quoted, what, fix)
    return [found[need] for need in wanted if need in found]


def find_missing_for_ledger(connection: Connection, schema: str) -> list[Missing]:
    """Find what the role that logs in lacks to make the ledger."""
    with session.translated():
        rows = connection.execute(_LEDGER, {"schema": schema}).fetchall()
    return [Missing(None, role, what, fix) for role, what, fix in rows]


def _columns(needs: list[Need]) -> dict[str, list[str]]:
    return {
        "schemas": [need.schema for need in needs],
        "names": [need.name for need in needs],
        "words": [need.right.value for need in needs],
    }
