"""Why there is no connection: what is worth another attempt, and what a person has to mend."""

import pytest

from meshmigrate.domain.database_url import parse_database_url
from meshmigrate.domain.errors import MigrationError, NotReady, Refusal, Unreachable
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.connect import connect
from meshmigrate.engine.connection_error import connection_refused


@pytest.mark.parametrize(
    ("message", "kind", "reason"),
    [
        (
            'FATAL:  password authentication failed for user "app"',
            Refusal,
            Reason.AUTHENTICATION_FAILED,
        ),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "app", no encryption',
            Refusal,
            Reason.AUTHENTICATION_FAILED,
        ),
        ("fe_sendauth: no password supplied", Refusal, Reason.AUTHENTICATION_FAILED),
        ('FATAL:  role "app" is not permitted to log in', Refusal, Reason.AUTHENTICATION_FAILED),
        ("FATAL:  pg_hba.conf rejects connection for", Refusal, Reason.AUTHENTICATION_FAILED),
        (
            'FATAL:  certificate authentication failed for user "app"',
            Refusal,
            Reason.AUTHENTICATION_FAILED,
        ),
        ("FATAL:  no such user: app", Refusal, Reason.AUTHENTICATION_FAILED),
        ("FATAL:  connection requires a valid client certificate", Refusal, Reason.TLS_FAILED),
        ('root certificate file "/ca" does not exist', Refusal, Reason.TLS_FAILED),
        ("channel binding required, but SSL not in use", Refusal, Reason.TLS_FAILED),
        (
            "SSL connection has been closed unexpectedly",
            Unreachable,
            Reason.DATABASE_UNREACHABLE,
        ),
        ("server does not support SSL, but SSL was required", Refusal, Reason.TLS_FAILED),
        ("SSL error: certificate verify failed", Refusal, Reason.TLS_FAILED),
        (
            'server certificate for "a" does not match host name "b"',
            Refusal,
            Reason.TLS_FAILED,
        ),
        ("Connection refused", Unreachable, Reason.DATABASE_UNREACHABLE),
        ("FATAL:  the database system is starting up", NotReady, Reason.DATABASE_UNREACHABLE),
        ("FATAL:  sorry, too many clients already", NotReady, Reason.DATABASE_UNREACHABLE),
        ("FATAL:  too many connections for database", NotReady, Reason.DATABASE_UNREACHABLE),
        ("FATAL:  remaining connection slots are", NotReady, Reason.DATABASE_UNREACHABLE),
        ("FATAL:  the database system is shutting down", NotReady, Reason.DATABASE_UNREACHABLE),
        ("FATAL:  the database system is in recovery mode", NotReady, Reason.DATABASE_UNREACHABLE),
        ("server is in hot standby mode", NotReady, Reason.DATABASE_UNREACHABLE),
        ("session is read-only", NotReady, Reason.DATABASE_UNREACHABLE),
        ("failed to resolve host 'db'", Unreachable, Reason.DATABASE_UNREACHABLE),
        ('FATAL:  database "shop" does not exist', Unreachable, Reason.DATABASE_UNREACHABLE),
    ],
)
def test_the_text_decides(message: str, kind: type[MigrationError], reason: Reason) -> None:
    """A failed connection: libpq gives no SQLSTATE for a failed connection."""
    error = connection_refused(message)
    assert type(error) is kind
    assert error.reason is reason
    assert message in error.message
    assert error.hint


def test_a_short_password_does_not_show_by_its_gaps() -> None:
    """Shown as a dot inside a word, it would be told by the word; by itself it stays hidden."""
    url = "postgres://app:o@/shop?host=/no%20o%20here&sslmode=disable"
    with pytest.raises(Unreachable) as caught:
        connect(parse_database_url(url), "test")
    assert '"/no … here/.s.PGSQL.5432"' in caught.value.message
    assert "No such file or directory" in caught.value.message
