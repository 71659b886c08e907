"""What the role must be allowed to do, asked before anything is done."""

from typing import Final

from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.connect import Connection
from meshmigrate.engine.probe import Server

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
