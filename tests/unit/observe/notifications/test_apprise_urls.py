"""Apprise against real servers: mail, HTTP, and one that never answers."""

import asyncio
import logging
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import apprise
import pytest
from aiosmtpd.controller import Controller

from meshmigrate.observe.notifications.apprise_urls import send_to_urls, without_parts
from meshmigrate.observe.notifications.delivery import NotDelivered, Told
from tests.scripted.serving import serving
from tests.unit.observe.notifications.examples import ID, notice

ROOT = Path(__file__).parents[4]
ONE: Told = [(ID, notice())]


class Mailbox:
    """Keeps the mails that arrive; of each it refuses what ``refuses`` names, once."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.refuses = ""
        self.port = free_port()

    async def handle_RCPT(  # noqa: N802  aiosmtpd's
        self, _: Any, __: Any, envelope: Any, address: str, ___: Any
    ) -> str:
        """Take a receiver."""
        if self.refused("receiver"):
            return f"550 5.1.1 <{address}>: no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802  aiosmtpd's
        """Take a mail."""
        if self.refused("mail"):
            return f"550 5.7.1 from {envelope.mail_from}: not allowed"
        self.mails.append(envelope.original_content)
        return "250 OK"

    def refused(self, what: str) -> bool:
        """Say whether this is what is refused this time."""
        if self.refuses != what:
            return False
        self.refuses = ""
        return True

    @property
    def url(self) -> str:
        """The URL of a channel that leads here."""
        to = "from=canary-sender@example.com&to=canary-team@example.com&mode=insecure"
        return f"mailto://127.0.0.1:{self.port}/?{to}"


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Give a mail server."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def test_a_mail_has_title_and_text(mailbox: Mailbox) -> None:
    """As a person reads them."""
    asyncio.run(send_to_urls((mailbox.url,), ONE))
    (raw,) = mailbox.mails
    mail = message_from_bytes(raw, policy=default)
    assert mail["Subject"] == "[RolledBack] shop/web: a migration failed, the schema was taken back"
    body = mail.get_body(("plain", "html"))
    assert body is not None
    assert "Look: kubectl -n shop describe databasemigration web" in body.get_content()


@pytest.mark.parametrize("what", ["receiver", "mail"])
def test_a_mail_that_is_refused_is_not_delivered_and_may_be_sent_again(
    mailbox: Mailbox, what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The server repeats an address (550); nobody sees it."""
    mailbox.refuses = what
    with logged() as lines, pytest.raises(NotDelivered) as refused:
        asyncio.run(send_to_urls((mailbox.url,), ONE))
    shown = capfd.readouterr()
    assert str(refused.value)
    assert "canary" not in f"{refused.value}{shown.out}{shown.err}{lines.getvalue()}"
    assert mailbox.mails == []
    asyncio.run(send_to_urls((mailbox.url,), ONE))
    assert len(mailbox.mails) == 1


def test_apprise_knows_the_urls_of_the_documentation() -> None:
    """Slack, PagerDuty, Teams and mail: the release that is pinned here takes each as it stands."""
    text = (ROOT / "docs" / "notifications.md").read_text()
    urls = re.findall(r"\b(?:slack|pagerduty|workflows|mailtos)://[^\s\"`]+", text)
    found = {type(apprise.Apprise.instantiate(url)).__name__ for url in urls}
    assert found == {"NotifySlack", "NotifyPagerDuty", "NotifyWorkflows", "NotifyEmail"}


@contextmanager
def logged() -> Iterator[StringIO]:
    """Give what is logged anywhere while the block runs, however little it matters."""
    lines, root = StringIO(), logging.getLogger()
    handler, before = logging.StreamHandler(lines), root.level
    handler.addFilter(lambda record: record.name != "mail.log")  # the receiver's own
    root.addHandler(handler)
    root.setLevel(1)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


@pytest.fixture
def refusing() -> Iterator[str]:
    """Serve HTTP that refuses everything; give its address."""

    class Refuse(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuse)
    with serving(server):
        yield f"127.0.0.1:{server.server_port}"


def test_a_refusal_says_why_and_no_part_of_the_url(
    refusing: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither in the status nor in the log, however much is logged."""
    url = f"json://canary-user:canary-pass@{refusing}/canary-path?cto=2&rto=2&+X-T=canary-head"
    with logged() as lines, pytest.raises(NotDelivered, match="500") as refused:
        asyncio.run(send_to_urls((url,), ONE))
    shown = capfd.readouterr()
    assert "canary" not in f"{refused.value}{shown.out}{shown.err}{lines.getvalue()}"


def test_a_url_that_apprise_does_not_know_is_refused() -> None:
    """Without repeating it."""
    with pytest.raises(NotDelivered, match="none that Apprise knows") as refused:
        asyncio.run(send_to_urls(("canary://x",), ONE))
    assert "canary" not in str(refused.value)


def test_a_service_that_hangs_is_left_and_gets_no_second_thread() -> None:
    """Until the first one has come back; the end of the process does not wait for it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"json://127.0.0.1:{server.getsockname()[1]}/?rto=3&cto=3"

        async def story() -> None:
            with pytest.raises(NotDelivered, match="did not answer within"):
                await send_to_urls((url,), ONE, seconds=0.2)
            with pytest.raises(NotDelivered, match="still on its way"):
                await send_to_urls((url,), ONE, seconds=0.2)

        began = time.monotonic()
        asyncio.run(story())
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "text",
    [
        "POST https://hooks.example.com/T0ken/S3cret failed",
        "login as pa ss word failed",
        "host hooks.example.com is down",
    ],
)
def test_parts_of_urls_are_hidden(text: str) -> None:
    """As they are written in the URL, and as they are meant."""
    urls = ("slack://T0ken/S3cret", "json://user:pa%20ss%20word@hooks.example.com")
    hidden = without_parts(text, urls)
    for part in ("T0ken", "S3cret", "pa ss word", "hooks.example.com"):
        assert part not in hidden


def free_port() -> int:
    """Find a port that nobody listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        port: int = found.getsockname()[1]
        return port
