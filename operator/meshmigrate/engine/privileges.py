"""What the role must be allowed to do, asked before anything is done."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from meshmigrate.domain.errors import Location, Refusal
from meshmigrate.domain.privilege import Kind, Need, Obscures, Right
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.prepared import PreparedMigration, PreparedScript
from meshmigrate.engine.privilege_catalog import Missing, find_missing, find_missing_for_ledger
from meshmigrate.engine.probe import Server

_NAMED: Final = 20

_SET_OPTION_SINCE: Final = 16
"""Since then a membership may be without SET (PostgreSQL manual, GRANT)."""

_MAY_SET: Final = """
SELECT pg_catalog.quote_ident(session_user), pg_catalog.quote_ident(%(role)s), (
    SELECT pg_catalog.pg_has_role(session_user, r.oid, %(privilege)s)
    FROM pg_catalog.pg_roles AS r WHERE r.rolname = %(role)s)
"""


def refuse_role(connection: Connection, server: Server) -> None:
    """Refuse a role that scripts are to run as and cannot.

    Raises
    ------
    Refusal
        ``PermissionDenied``, with the statement that helps.
    """
    if not server.access.role:
        return
    with_set = server.major >= _SET_OPTION_SINCE
    values = {"role": server.access.role, "privilege": "SET" if with_set else "MEMBER"}
    row = connection.execute(_MAY_SET, values).fetchone()
    login, role, allowed = row or ("", "", None)
    if allowed is None:
        raise Refusal(
            Reason.PERMISSION_DENIED,
            f"there is no role {role}, which the scripts are to run as",
            hint=f"Correct the role, or make it: CREATE ROLE {role};",
        )
    if not allowed:
        grant = f"GRANT {role} TO {login}" + (" WITH SET TRUE;" if with_set else ";")
        raise Refusal(
            Reason.PERMISSION_DENIED,
            f"the role {login} may not SET ROLE {role}, which the scripts are to run as",
            hint=f"As an administrator of {role}: {grant}",
        )


def refuse_missing(
    connection: Connection,
    server: Server,
    pending: Sequence[PreparedMigration],
    *,
    new_ledger: str | None = None,
) -> None:
    """Refuse files whose statements the role is not allowed.

    Only what is certain is refused. Left to the server is what the text of a statement does not
    tell, what is not there yet, and everything behind a statement that may change rights itself.

    Parameters
    ----------
    new_ledger
        The schema of a ledger that has to be made first.

    Raises
    ------
    Refusal
        ``PermissionDenied``: each right that is missing, with its place and what helps.
    """
    if not pending:
        return
    places = _first_places(needs_of(one.script for one in pending))
    missing = find_missing_for_ledger(connection, new_ledger) if new_ledger else []
    missing += find_missing(connection, server, places)
    if not missing:
        return
    named = [f"{_place(one, places)}{one.what}" for one in missing[:_NAMED]]
    more = [f"and {len(missing) - _NAMED} more"] if len(missing) > _NAMED else []
    roles = " and ".join(dict.fromkeys(one.role for one in missing))
    raise Refusal(
        Reason.PERMISSION_DENIED,
        f"the role {roles} lacks what is needed: {'; '.join(named + more)}",
        hint=f"As an administrator: {' '.join(dict.fromkeys(one.fix for one in missing))}",
    )


def _place(missing: Missing, places: Mapping[Need, Location]) -> str:
    return f"{places[missing.need]}: " if missing.need else ""


class _Placed(NamedTuple):
    need: Need
    script: Script
    offset: int


def needs_of(scripts: Iterable[PreparedScript]) -> Iterator[_Placed]:
    """Give what is certainly needed, in the order of the statements."""
    changed: set[str] = set()
    schemas: set[str] = set()
    for script in scripts:
        names_known = True
        done: set[int] = set()
        for statement in script.statements:
            demand = statement.demand
            # Equal data statements have the same demand, and large files are made of those.
            if id(demand) in done:
                continue
            done.add(id(demand))
            for need in demand.needs:
                if _is_certain(need, changed, schemas, names_known=names_known):
                    if need.schema and need.right is not Right.REPLACE:
                        usage = Need(Kind.SCHEMA, Right.USAGE, name=need.schema)
                        yield _Placed(usage, script.script, statement.offset)
                    yield _Placed(need, script.script, statement.offset)
            if demand.obscures is Obscures.ALL:
                return
            if demand.obscures is Obscures.FILE:
                break
            names_known = names_known and demand.obscures is not Obscures.NAMES
            changed.update(demand.changed)
            schemas.update(demand.schemas)


def _is_certain(need: Need, changed: set[str], schemas: set[str], *, names_known: bool) -> bool:
    if need.kind in {Kind.DATABASE, Kind.EXTENSION, Kind.ROLE}:
        return True
    schema = need.name if need.kind is Kind.SCHEMA else need.schema
    # A schema that an earlier statement makes may come first on the search path.
    known = schema not in schemas if schema else names_known and not schemas
    return known and (need.kind is Kind.SCHEMA or need.name not in changed)


def _first_places(placed: Iterable[_Placed]) -> dict[Need, Location]:
    """Give each need once; a place takes time to tell in a large file."""
    places: dict[Need, Location] = {}
    for need, script, offset in placed:
        if need not in places:
            places[need] = script.location(offset)
    return places
