"""A connection by its parts."""

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from meshmigrate.domain.connection import connection_parameters
from meshmigrate.domain.database_url import ConnectionParameters
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import Connection, ConnectionPart

HERE = Connection(host="db.app.svc", port="5432", dbname="app", user="app", files=("password",))
Files = dict[ConnectionPart, str]


def refusal(connection: Connection, files: Files) -> Refusal:
    """Give the refusal of parts."""
    with pytest.raises(Refusal) as caught:
        connection_parameters(connection, files, "app")
    return caught.value


def from_files(files: Files, allowed: tuple[str, ...] | None = None) -> ConnectionParameters:
    """Give the parameters of a connection whose parts are all files."""
    return connection_parameters(
        Connection(files=tuple(files), allowed_hosts=allowed), files, "app"
    )


def test_parts_become_keywords() -> None:
    """One each; the line end of a file is not a part of its value."""
    found = connection_parameters(HERE, {"password": "p w \n"}, "app")
    assert found.values == {
        "host": "db.app.svc",
        "port": "5432",
        "dbname": "app",
        "user": "app",
        "password": "p w ",
    }


@pytest.mark.parametrize(
    "value",
    ["host=evil.example.com", "postgres://evil.example.com/x", "a' host='evil", "a\\", "x host=e"],
)
def test_no_part_brings_another_one_with_it(value: str) -> None:
    """Where it is let, libpq reads a connection string in the name of a database."""
    files: Files = {"host": "db", "dbname": value, "user": value, "password": value}
    found = dict(from_files(files).values)
    read = conninfo_to_dict(make_conninfo(**found))
    assert read == {"host": "db", "dbname": value, "user": value, "password": value}


def test_what_comes_from_a_file_is_hidden() -> None:
    """A resource may name any Secret: a message must not repeat what that holds."""
    found = from_files({"host": "db", "dbname": "app", "user": "token-of-somebody"})
    assert found.hidden >= {"host", "dbname", "user", "password"}
    assert "token" not in repr(found)
    assert connection_parameters(HERE, {"password": "x"}, "app").hidden == {
        "password",
        "sslpassword",
    }


@pytest.mark.parametrize("host", ["a,b", "/run/postgresql", "@abstract", "a b", "127.1", "a:5432"])
def test_a_host_is_one_host(host: str) -> None:
    """No list, no socket, no port; and the value is not repeated."""
    error = refusal(Connection(), {"host": host, "dbname": "d", "user": "u"})
    assert error.reason is Reason.INVALID_CONNECTION
    assert host not in str(error)


@pytest.mark.parametrize("port", ["0", "65536", "x", "-1", "5432,5433", "٣"])
def test_a_port_is_a_number(port: str) -> None:
    """From 1 to 65535; and the value is not repeated."""
    error = refusal(Connection(host="h", dbname="d", user="u"), {"port": port})
    assert error.reason is Reason.INVALID_CONNECTION
    assert "port" in error.message


@pytest.mark.parametrize("part", ["host", "dbname", "user"])
def test_what_is_missing_is_named(part: ConnectionPart) -> None:
    """Nothing is guessed: libpq would take the user's name for the database's."""
    values: dict[ConnectionPart, str] = {"host": "h", "dbname": "d", "user": "u"}
    error = refusal(Connection(), {name: text for name, text in values.items() if name != part})
    assert f"the {part} of the connection is missing" in error.message


def test_an_empty_file_is_named() -> None:
    """A Secret that is there and holds nothing."""
    error = refusal(HERE, {"password": "\n"})
    assert error.reason is Reason.CREDENTIALS_MISSING
    assert "spec.database.connection.password" in error.hint


def test_a_control_character_is_refused() -> None:
    """It cannot belong to a name, and would end up in logs."""
    assert refusal(HERE, {"user": "a\x1bb"}).reason is Reason.INVALID_CONNECTION


def test_a_host_from_another_secret_must_be_allowed() -> None:
    """Otherwise a Secret that holds any name would lead the password there."""
    files: Files = {"host": "evil.example.com", "dbname": "d", "user": "u", "password": "p"}
    with pytest.raises(Refusal) as caught:
        from_files(files, allowed=("*.<namespace>.svc",))
    assert caught.value.reason is Reason.HOST_NOT_ALLOWED
    assert "allowedHosts" in caught.value.hint
    assert "evil" not in str(caught.value)
    files["host"] = "db"
    assert from_files(files, allowed=("*.<namespace>.svc",)).values["host"] == "db"


def test_a_host_from_the_passwords_own_secret_is_taken() -> None:
    """Who wrote that Secret meant them for each other."""
    files: Files = {"host": "db.example.com", "dbname": "d", "user": "u", "password": "p"}
    assert from_files(files).values["host"] == "db.example.com"
