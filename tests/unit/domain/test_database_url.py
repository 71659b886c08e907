"""A URL is read as libpq reads it, or as it was meant, or refused; it is never repeated."""

from urllib.parse import quote

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from meshmigrate.domain.database_url import ConnectionParameters, parse_database_url
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.reason import Reason

PASSWORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
NASTY = st.text(alphabet="p@#%/:?&=[], +1é2F4aA", min_size=1)
MARKED = st.tuples(NASTY, NASTY).map("S3CRET".join)


def attempt(url: str) -> dict[str, str] | Refusal:
    """Give what a URL says, or why it is refused."""
    try:
        return dict(parse_database_url(url).values)
    except Refusal as refusal:
        return refusal


def refusal(url: str) -> Refusal:
    """Give the refusal that reading must end with."""
    found = attempt(url)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.INVALID_DATABASE_URL
    return found


@given(PASSWORDS, PASSWORDS)
def test_percent_encoded_credentials_come_back(user: str, password: str) -> None:
    """Whatever a user or a password is made of, its encoded form means just that."""
    url = f"postgres://{quote(user, safe='')}:{quote(password, safe='')}@db:5432/app"
    assert attempt(url) == {
        "user": user,
        "password": password,
        "host": "db",
        "port": "5432",
        "dbname": "app",
    }


@given(st.one_of(MARKED, PASSWORDS.map("S3CRET{}".format)))
def test_a_raw_password_is_meant_or_refused_and_never_shown(password: str) -> None:
    """An unencoded password gives itself or its decoded form, and no error repeats any of it."""
    found = attempt(f"postgres://app:{password}@db:5432/app")
    if isinstance(found, Refusal):
        assert "S3CRET" not in repr(found) + str(found)
        assert found.__cause__ is None
        assert found.__context__ is None
    else:
        assert "S3CRET" in found["password"]
        assert (found["user"], found["host"], found["port"]) == ("app", "db", "5432")


@given(MARKED.filter(lambda text: "%" not in text and "/" not in text and "?" not in text))
def test_a_raw_password_is_taken_as_it_is_where_nothing_else_is_meant(password: str) -> None:
    """Signs that end no host list leave one reading only."""
    found = attempt(f"postgres://app:{password}@db:5432/app")
    assert isinstance(found, dict)
    assert found["password"] == password


@given(st.text(alphabet="pw@#%/:?&=[],.12F", max_size=20))
def test_what_libpq_takes_means_the_same_or_is_refused(rest: str) -> None:
    """No URL that works with psql connects somewhere else here."""
    url = f"postgres://{rest}"
    found = attempt(url)
    try:
        libpq = conninfo_to_dict(url)
    except (psycopg.ProgrammingError, UnicodeDecodeError):
        return
    # libpq takes any text between two separators for a host or a port, and fails when it connects
    host, ports = str(libpq.get("host", "")), str(libpq.get("port", "")).split(",")
    connects = not set(host) & set("@#%=&[]") and all(
        0 < int(p if p.isdigit() else 0) < 65536 for p in ports if p
    )
    if isinstance(found, dict) and connects:
        assert found == libpq


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p@h/d",
        "postgresql://u@h",
        "postgres://u:@h/d",
        "postgres://:p@h/d",
        "postgres://@h/d",
        "postgres://h",
        "postgres://h/",
        "postgres:///d",
        "postgres://:5432/d",
        "postgres://u@h1,/d",
        "postgres://u:p:q@h/d",
        "postgres://u:p#x?y@h/d",
        "postgres://u@h1:1,h2:2/d",
        "postgres://u@h1:1,h2/d",
        "postgres://u@h1,h2/d",
        "postgres://u@h:/d",
        "postgres://u:p@[::1]:5432/d",
        "postgres://u:p@[2001:db8::1],[fe80::1%25eth0]/d",
        "postgres://%2Fvar%2Frun%2Fpostgresql/d",
        "postgres:///d?host=/var/run/postgresql&user=u&port=1",
        "postgres://h/a%20b",
        "postgres://h/d?sslmode=require&application_name=a%3Db+c&",
        "postgres://h?ssl=true",
        "postgres://h/d?options=-c%20search_path%3Dapp",
        "postgres://u:p@h/d?password=q",
    ],
)
def test_urls_of_every_form_are_read_as_libpq_does(url: str) -> None:
    """IPv6, several hosts, sockets, parameters: the manual's forms are all there."""
    assert attempt(url) == conninfo_to_dict(url)


@pytest.mark.parametrize(
    ("url", "user", "password"),
    [
        ("postgres://app:p@ss#w0rd%/:@db:5432/app?sslmode=disable", "app", "p@ss#w0rd%/:"),
        ("postgres://app:p%ss@db:5432/app", "app", "p%ss"),
        ("postgres://app:p@ss#w0rd@db:5432/app", "app", "p@ss#w0rd"),
        ("postgres://app:p/ss@db:5432/app", "app", "p/ss"),
        ("postgres://app:100%@db:5432/app", "app", "100%"),
        ("postgres://app:@@db:5432/app", "app", "@"),
        ("postgres://app@tenant:pw@db:5432/app", "app@tenant", "pw"),
        ("postgres://app:a b@db:5432/app", "app", "a b"),
    ],
)
def test_unencoded_credentials_are_read_where_they_are_unambiguous(
    url: str, user: str, password: str
) -> None:
    """Passwords as people paste them work where only one reading is possible."""
    found = attempt(url)
    assert isinstance(found, dict)
    assert (found["user"], found["password"]) == (user, password)
    assert (found["host"], found["port"], found["dbname"]) == ("db", "5432", "app")


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("postgres://app:s3cret@ss/word@db/app", "in more than one way"),
        ("postgres://app:1/s3cret@db/app", "in more than one way"),
        ("postgres://app:s3cret@db/app?application_name=a@b", "in more than one way"),
        ("postgres://app:s3cret%40x%zz@db/app", "only in parts"),
        ("postgres://app:s3cret%40x@y@db/app", "only in parts"),
        ("postgres://app:s3cret%ff@db/app", "only in parts"),
        ("postgres://app:s3cret%00@db/app", "only in parts"),
        ("postgres://app:s3cret", "no valid host"),
        ("postgres://app:s3cret@my host/app", "no valid host"),
        ("postgres://app:s3cret@db:port/app", "no valid host"),
        ("postgres://app:s3cret@db:0/app", "no valid host"),
        ("postgres://app:s3cret@db:65536/app", "no valid host"),
        ("postgres://app:s3cret@[::g]/app", "no valid host"),
        ("postgres://app:s3cret@[]/app", "no valid host"),
        ("postgres://app:s3cret@db/%zz", "% in the database name"),
        ("postgres://app:s3cret@db/app?sslmode=on", "unknown sslmode"),
        ("postgres://app:s3cret@db/app?sslmode", "unknown sslmode"),
        ("postgres://app:s3cret@db/app?options=%zz", "value for options"),
        ("postgres://app:s3cret@db/app?options=a=b", "value for options"),
        ("postgres://app:s3cret@db/app?pgbouncer=true", "the parameter pgbouncer,"),
        ("postgres://app:pw@db/app?S3cret&x=y", "has the parameter,"),
        ("postgres://app:pw@db/app?replication=true", "the parameter replication,"),
        ("postgres://app:s3cret@db/app\npostgres://b", "does not print"),
        ("host=db user=app password=s3cret", "does not start with"),
        ("'postgres://app:s3cret@db/app'", "does not start with"),
        ("mysql://app:s3cret@db/app", "does not start with"),
        ("postgres://", "ends there"),
        ("", "does not start with"),
    ],
)
def test_what_is_wrong_is_said_without_repeating_it(url: str, what: str) -> None:
    """The message tells a person what to correct and gives nothing of the URL away."""
    error = refusal(url)
    assert what in error.message
    assert error.hint
    assert "s3cret" not in str(error).lower()


@pytest.mark.parametrize("space", ["\n", "\r\n", " \n", "\t"])
def test_white_space_around_the_url_is_no_part_of_it(space: str) -> None:
    """A Secret made from a file ends with the file's newline."""
    assert attempt(f"postgres://u:p@h/d{space}") == attempt("postgres://u:p@h/d")


def test_the_representation_shows_where_to_and_no_secret() -> None:
    """A log line or a traceback can show the parameters."""
    parameters = parse_database_url(
        "postgres://app:s3cret@db:5432/app?sslpassword=s3cret&options=-cx.y%3Ds3cret"
    )
    assert repr(parameters) == (
        "ConnectionParameters(host='db', port='5432', dbname='app', user='app')"
    )
    assert str(parameters) == f"{parameters}" == repr(parameters)
    assert repr(ConnectionParameters({})) == "ConnectionParameters()"
