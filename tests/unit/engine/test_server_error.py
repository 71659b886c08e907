"""What an error of the server means, where its severity says more than its code."""

import pytest
from psycopg import Error, errors
from psycopg.pq import DiagnosticField

from meshmigrate.domain.errors import Failure, Interruption, MigrationError
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.script import Script, ScriptKind, Statement
from meshmigrate.engine.server_error import statement_error

SCRIPT = Script(ScriptKind.MIGRATION, "1_a.sql", "SELECT 1;\n")
STATEMENT = Statement(text="SELECT 1", kind="SELECT", offset=0)


def classified(kind: type[Error], severity: bytes) -> MigrationError:
    """Classify an error that the server sent with this severity."""
    fields: dict[int, bytes | None] = {
        DiagnosticField.SEVERITY_NONLOCALIZED: severity,
        DiagnosticField.SQLSTATE: (kind.sqlstate or "").encode(),
        DiagnosticField.MESSAGE_PRIMARY: b"something happened",
    }
    return statement_error(kind("something happened", info=fields), SCRIPT, STATEMENT)


@pytest.mark.parametrize("kind", [errors.IdleInTransactionSessionTimeout, errors.InternalError_])
def test_a_fatal_error_is_a_lost_connection(kind: type[Error]) -> None:
    """The session is over, and nothing can be written on it; the place counts as under way."""
    error = classified(kind, b"FATAL")
    assert isinstance(error, Interruption)
    assert error.reason is Reason.CONNECTION_LOST
    assert str(error.location) == "1_a.sql:1:1"


def test_the_same_code_as_an_ordinary_error_is_a_failure() -> None:
    """The session goes on, and the policy decides."""
    assert isinstance(classified(errors.InternalError_, b"ERROR"), Failure)
