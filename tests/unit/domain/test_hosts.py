"""Which hosts a password may be sent to."""

import pytest

from meshmigrate.domain.hosts import canonical_host, host_allowed

DEFAULT = ("*.<namespace>.svc",)


@pytest.mark.parametrize(
    "host",
    [
        "db",
        "DB",
        "web-rw.app.svc",
        "web-rw.app.svc.",
        "web-rw.app.svc.cluster.local",
        "WEB-RW.App.SVC.Cluster.Local.",
        "pod-0.db.app.svc",
    ],
)
def test_a_service_of_the_namespace_is_allowed_in_every_form(host: str) -> None:
    """Bare, with its namespace and svc, with the cluster's domain; DNS knows no case."""
    assert host_allowed(host, DEFAULT, "app")


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.com",
        "db.other.svc",
        "db.app.svc.evil.com",
        "app.svc",
        "db.app",  # where there is no such Service, the resolver asks the world
        "db.app.svc..",
        "db..app.svc",
        ".app.svc",
        "ai.",  # a top-level domain, which no Service is
        "10.0.0.1",
        "2001:db8::1",
        "fe80::1%eth0",
        "2130706433",  # the resolver reads these as 127.0.0.1
        "0x7f000001",
        "127.1",
        "0x7f.1",
        "1db",
        "",
        "db,evil.example.com",
        "db.app.svc,evil.example.com",
        "db.app.svc:5433",
        "db app",
        "db.app.svc\n",
        "/run/x.app.svc",
        "@x.app.svc",
        "user@db.app.svc",
        "evil.com/db.app.svc",
        "evil.com#db.app.svc",
        "xn--b.app.svc\u3002evil.com",
        "host=evil.example.com",
        "a" * 250 + ".app.svc",
    ],
)
def test_nothing_else_is_allowed(host: str) -> None:
    """No other namespace, address, list, socket or name that ends elsewhere."""
    assert not host_allowed(host, DEFAULT, "app")


@pytest.mark.parametrize(
    ("host", "pattern"),
    [
        ("db.example.com", "db.example.com"),
        ("DB.example.com.", "*.example.com"),
        ("db.example.com", "*.EXAMPLE.com"),
        ("10.0.0.5", "10.0.0.5"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("db.shared.svc.cluster.local", "db.shared.svc"),
        ("db.shared.svc", "db.shared.svc.cluster.local"),
        ("anything.at.all", "*"),
    ],
)
def test_an_administrator_may_allow_more(host: str, pattern: str) -> None:
    """Names, addresses and other namespaces, in whatever form they are written."""
    assert host_allowed(host, (*DEFAULT, pattern), "app")


def test_a_pattern_of_everything_allows_no_list() -> None:
    """What is not one host matches nothing."""
    assert not host_allowed("a.example.com,b.example.com", ("*",), "app")


def test_nothing_is_allowed_where_nothing_is_said() -> None:
    """An empty list is no permission."""
    assert not host_allowed("db", (), "app")


def test_a_host_has_one_form() -> None:
    """That of a Service is its name, its namespace and svc."""
    assert canonical_host("db", "app") == "db.app.svc"
    assert canonical_host("db.app.svc.cluster.local", "app") == "db.app.svc"
