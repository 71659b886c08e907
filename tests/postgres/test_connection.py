"""Every way to a server that a URL can name: sockets, addresses, several hosts, odd passwords."""

import string
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import psycopg
import pytest
from psycopg.sql import SQL, Identifier, Literal

from meshmigrate.cli.start import read_credentials, read_url_file
from meshmigrate.domain.database_url import parse_database_url
from meshmigrate.domain.errors import Refusal, Unreachable
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import TLS
from meshmigrate.engine.connect import Connection, connect
from meshmigrate.engine.looking import look
from meshmigrate.engine.probe import refuse_transaction_pooler
from tests.postgres.harness import PASSWORD, Database
from tests.postgres.programs import DEBIAN
from tests.postgres.servers import (
    SUPERUSER_PASSWORD,
    Server,
    become_standby,
    running_server,
)

SECRET = quote(PASSWORD, safe="")
PROTECTION = """
SELECT current_setting('client_connection_check_interval'),
       current_setting('idle_in_transaction_session_timeout')
"""
FREE_PORT = 1
"""Nobody listens there: it is tcpmux's, and needs rights."""


def reach(url: str) -> tuple[Any, ...]:
    """Connect, and give the server's address, its port and the user."""
    with closing(connect(parse_database_url(url), "test")) as connection:
        row = connection.execute(
            "SELECT host(inet_server_addr()), inet_server_port(), session_user::text"
        ).fetchone()
    assert row is not None
    return row


def test_a_unix_socket_is_reached_by_its_folder(database: Database) -> None:
    """As ``host`` of the query or, escaped, in the place of the host; TLS has no place there."""
    folder = quote(str(database.server.data.parent), safe="")
    port = database.server.port
    for place in (
        f"/{database.name}?host={folder}&port={port}",
        f"{folder}:{port}/{database.name}?",
    ):
        url = f"postgres://{database.role}:{SECRET}@{place}&sslmode=disable"
        assert reach(url) == (None, None, "app")


def test_an_ipv6_address_stands_in_brackets(database: Database) -> None:
    """The server sees the connection come in at ``::1``."""
    port = database.server.port
    url = f"postgres://app:{SECRET}@[::1]:{port}/{database.name}?sslmode=disable"
    assert reach(url) == ("::1", port, "app")


def test_the_second_host_is_taken_when_the_first_is_dead(database: Database) -> None:
    """Each host has its own port."""
    port = database.server.port
    hosts = f"127.0.0.1:{FREE_PORT},[::1]:{port}"
    url = f"postgres://app:{SECRET}@{hosts}/{database.name}?sslmode=disable"
    assert reach(url) == ("::1", port, "app")


def test_when_no_host_answers_each_is_named(database: Database) -> None:
    """It may be a matter of time, so it is retried; every host says what it said, once."""
    hosts = f"127.0.0.1:{FREE_PORT},[::1]:{FREE_PORT}"
    with pytest.raises(Unreachable) as caught:
        reach(f"postgres://app:{SECRET}@{hosts}/{database.name}?sslmode=disable")
    message = caught.value.message
    assert message.count("host: '127.0.0.1'") == message.count("host: '::1'") == 1
    assert PASSWORD not in message


@pytest.fixture(scope="module")
def standby() -> Iterator[Server]:
    """Give a server that is a standby."""
    with running_server(DEBIAN) as server:
        become_standby(server)
        yield server


@pytest.mark.parametrize("wanted", ["primary", "read-write"])
def test_the_primary_is_found_behind_a_standby(
    server: Server, standby: Server, wanted: str
) -> None:
    """``target_session_attrs`` passes over the first host, which would let us in."""
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{server.port}"
    credentials = f"postgres:{quote(SUPERUSER_PASSWORD)}"
    url = f"postgres://{credentials}@{hosts}/postgres?sslmode=disable"
    assert reach(url)[1] == standby.port
    assert reach(f"{url}&target_session_attrs={wanted}")[1] == server.port


def test_standbys_only_is_worth_another_attempt(standby: Server) -> None:
    """In a switchover there is no primary for a while: the database counts as not reached."""
    place = f"postgres:{quote(SUPERUSER_PASSWORD)}@127.0.0.1:{standby.port}/postgres"
    with pytest.raises(Unreachable) as caught:
        reach(f"postgres://{place}?sslmode=disable&target_session_attrs=primary")
    assert "hot standby" in caught.value.message


@pytest.mark.parametrize(
    "password",
    [string.punctuation, " in front and behind ", "a'b\\c\"d", "%41%zz", "пароль-密码-🔑"],
)
def test_any_password_works_by_url_and_by_file(
    database: Database, tmp_path: Path, password: str
) -> None:
    """Percent-encoded it is itself, whatever it holds; a file may end with a newline."""
    role = f"odd_{uuid4().hex[:8]}"
    with database.connect(superuser=True) as connection:
        connection.execute(
            SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(role), Literal(password))
        )
    place = f"127.0.0.1:{database.server.port}/{database.name}?sslmode=disable"
    url = f"postgres://{role}:{quote(password, safe='')}@{place}"
    assert reach(url)[2] == role
    file = tmp_path / "url"
    file.write_text(f"{url}\n")
    parameters = read_credentials(lambda: read_url_file(file), TLS())
    connect(parameters, "test").close()
    with pytest.raises(Refusal) as caught:
        reach(url.replace(quote(password, safe=""), quote(f"{password}x", safe="")))
    assert caught.value.reason is Reason.AUTHENTICATION_FAILED
    assert password not in str(caught.value)


def test_prefer_is_taken_only_where_the_url_says_so(database: Database) -> None:
    """Libpq's own default takes a server without TLS in silence; ours is refused, and says why."""
    plain = database.url.partition("?")[0]
    with pytest.raises(Refusal) as caught:
        reach(plain)
    assert caught.value.reason is Reason.TLS_FAILED
    assert "does not support SSL" in caught.value.message
    assert "--tls-mode disable" in caught.value.hint
    assert reach(f"{plain}?sslmode=prefer")[2] == "app"


class _Watched(psycopg.Connection[tuple[Any, ...]]):
    """A connection that looks at its settings whenever a transaction is open."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seen: set[tuple[Any, ...]] = set()

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Run a statement, and look."""
        cursor = super().execute(*args, **kwargs)
        if self.info.transaction_status is psycopg.pq.TransactionStatus.INTRANS:
            self.seen.update(psycopg.Connection.execute(self, PROTECTION.encode()).fetchall())
        return cursor


def test_the_second_connection_is_protected_too(database: Database) -> None:
    """The pooler's test, and whatever only looks, end soon when their client is gone."""
    place = psycopg.conninfo.make_conninfo(**parse_database_url(database.url).values)
    with database.connect() as first, _Watched.connect(place, autocommit=True) as other:
        refuse_transaction_pooler(first, other)
        assert other.seen == {("2s", "1min")}
        assert other.execute(PROTECTION).fetchone() == ("0", "0")
    with look(parse_database_url(database.url), "meshmigrate", "test") as sight:
        looking: Connection = sight.ledger.connection
        assert looking.execute(PROTECTION.encode()).fetchone() == ("2s", "1min")
