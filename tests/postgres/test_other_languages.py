"""A server that speaks another language is understood by its codes."""

import socket
import struct

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.engine.events import EventName
from tests.postgres.harness import Database, Project, attempt, make_spec
from tests.postgres.proxy import Proxy

pytestmark = pytest.mark.one_version  # the words are those of version 15, as Debian has it

FULL = ("53300", "tut mir leid, schon zu viele Verbindungen")
STARTING = ("57P03", "データベースシステムは起動しています")
STRANGER = ("28P01", "用户 »app« Password 认证失败")
NO_DATABASE = ("3D000", "Datenbank »shop« existiert nicht")


class Foreigner(Proxy):
    """Refuses so many connections in words of its own, as the server would, and passes the rest."""

    def __init__(self, database: Database, refusal: tuple[str, str], most: int) -> None:
        super().__init__(database)
        self._code, self._words = refusal
        self._left = most

    def admit(self, client: socket.socket) -> bool:
        """Answer the start of a session with an error (PostgreSQL manual, "Message Formats")."""
        if self._left == 0:
            return True
        self._left -= 1
        client.recv(65536)
        fields = {"S": "FATAL", "V": "FATAL", "C": self._code, "M": self._words}
        body = b"".join(f"{key}{value}\0".encode() for key, value in fields.items()) + b"\0"
        client.sendall(b"E" + struct.pack("!I", len(body) + 4) + body)
        client.close()
        return False


@pytest.mark.parametrize("refusal", [FULL, STARTING])
@pytest.mark.parametrize("most", [1, 2, 4])
def test_what_passes_by_itself_is_waited_for(
    database: Database, project: Project, refusal: tuple[str, str], most: int
) -> None:
    """Also where it has passed when the code is asked for, which takes a second connection."""
    project.migration("1", "SELECT 1")
    with Foreigner(database, refusal, most) as proxy:
        done = attempt(database, make_spec(project), url=proxy.url)
    assert done.outcome is Outcome.SUCCEEDED, done.result.message
    waited = done.messages(EventName.WAITING_FOR_SERVER)
    assert len(waited) == (most + 1) // 2
    assert refusal[1] in waited[0]


@pytest.mark.parametrize(
    ("refusal", "outcome", "reason"),
    [
        (STRANGER, Outcome.REFUSED, Reason.AUTHENTICATION_FAILED),
        (NO_DATABASE, Outcome.UNREACHABLE, Reason.DATABASE_UNREACHABLE),
    ],
)
def test_what_does_not_pass_ends_at_once(
    database: Database,
    project: Project,
    refusal: tuple[str, str],
    outcome: Outcome,
    reason: Reason,
) -> None:
    """With the server's words and its code."""
    project.migration("1", "SELECT 1")
    with Foreigner(database, refusal, 100) as proxy:
        done = attempt(database, make_spec(project), url=proxy.url)
    assert (done.outcome, done.result.reason) == (outcome, reason)
    assert done.messages(EventName.WAITING_FOR_SERVER) == []
    assert refusal[1] in done.result.message
    assert proxy.accepted == 2
