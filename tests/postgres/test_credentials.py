"""A password that is changed while a run goes on: the file is read again."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import LiteralString
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from psycopg.sql import SQL, Identifier, Literal

from meshmigrate.cli.start import read_url_file
from meshmigrate.domain.database_url import ConnectionParameters, parse_database_url
from meshmigrate.domain.errors import Refusal
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.result import decode_result
from meshmigrate.engine.clock import SystemClock
from meshmigrate.engine.connect import Connector
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.run import run
from meshmigrate.engine.stop import Stop
from meshmigrate.engine.tools import Tools
from tests.postgres.databases import database_on
from tests.postgres.harness import Database, Project, make_spec


class SteppingClock:
    """A clock that only sleeping moves; each sleep may change the world."""

    def __init__(self, during: Callable[[float], None]) -> None:
        self.now = 0.0
        self._during = during

    def monotonic(self) -> float:
        """Give the seconds slept."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass, and happen what happens then."""
        self.now += seconds
        self._during(self.now)


class Secret:
    """A file with the URL of a role of its own, whose password can be changed."""

    def __init__(self, database: Database, file: Path) -> None:
        self._database = database
        self._file = file
        self.role = f"rotated_{uuid4().hex[:8]}"
        self._place = f"127.0.0.1:{database.server.port}/{database.name}?sslmode=disable"
        self._administer("CREATE ROLE {} LOGIN PASSWORD {}", "first")
        database.query(f"GRANT CREATE ON DATABASE {database.name} TO {self.role}")
        self.write("first")

    def write(self, password: str) -> None:
        """Put a password into the file, as the kubelet does."""
        self._file.write_text(f"postgres://{self.role}:{quote(password, safe='')}@{self._place}\n")

    def change(self, password: str) -> None:
        """Give the role another password, as a rotation does."""
        self._administer("ALTER ROLE {} PASSWORD {}", password)

    def read(self) -> ConnectionParameters:
        """Read the file as the runner does."""
        return parse_database_url(read_url_file(self._file))

    def _administer(self, statement: LiteralString, password: str) -> None:
        with self._database.connect(superuser=True) as connection:
            connection.execute(SQL(statement).format(Identifier(self.role), Literal(password)))


@pytest.fixture
def secret(database: Database, tmp_path: Path) -> Secret:
    """Give a role and its file."""
    return Secret(database, tmp_path / "url")


def test_a_changed_password_is_taken_from_the_file(secret: Secret) -> None:
    """The role has it first, the file 10 s later: the second connection waits for the file."""

    def rotate(now: float) -> None:
        if now >= 10:
            secret.write("second %/@:")

    clock = SteppingClock(rotate)
    connector = Connector(secret.read, "test", clock)
    connector.connect().close()
    secret.change("second %/@:")
    with closing(connector.connect()) as connection:
        assert connection.execute("SELECT session_user").fetchone() == (secret.role,)
    assert clock.now == 10


def test_a_first_wrong_password_is_refused_at_once(secret: Secret) -> None:
    """It was never right: waiting would not mend it."""
    secret.write("wrong-zqxj")
    clock = SteppingClock(lambda _: None)
    with pytest.raises(Refusal) as caught:
        Connector(secret.read, "test", clock).connect()
    assert caught.value.reason is Reason.AUTHENTICATION_FAILED
    assert "wrong-zqxj" not in str(caught.value)
    assert clock.now == 0


@pytest.mark.parametrize(("attempt", "outcome"), [(1, Outcome.REFUSED), (2, Outcome.SUCCEEDED)])
def test_a_later_attempt_waits_for_the_file(
    secret: Secret, project: Project, attempt: int, outcome: Outcome
) -> None:
    """What the first attempt was let in with may have been changed since; it says that it waits."""
    project.migration("1", "SELECT 1")
    secret.change("second")
    clock = SteppingClock(lambda _: secret.write("second"))
    told: list[str] = []

    def tell(event: Event) -> None:
        if event.name is EventName.WAITING_FOR_CREDENTIALS:
            told.append(event.message)

    spec = make_spec(project, run_id=UUID(int=attempt), attempt=attempt)
    ending = run(spec, secret.read, Tools(clock=clock, stop=Stop(), events=tell))
    assert ending.outcome is outcome
    assert bool(told) is (attempt == 2)
    assert all("password authentication failed" in message for message in told)


def test_a_url_that_leads_elsewhere_meanwhile_is_not_followed(
    database: Database, project: Project
) -> None:
    """After a lost connection the run goes on in the database it began on, or nowhere."""
    project.migration("1", "SELECT 1", "SELECT 1")
    project.migration("2", "SELECT pg_terminate_backend(pg_backend_pid())", "SELECT 1")
    events: list[Event] = []
    with database_on(database.server) as other:

        def credentials() -> ConnectionParameters:
            lost = any(event.name is EventName.CONNECTION_LOST for event in events)
            return parse_database_url((other if lost else database).url)

        stop = Stop()
        tools = Tools(clock=SystemClock(stop), stop=stop, events=events.append)
        ending = run(make_spec(project), credentials, tools)
        assert not other.has_ledger
    result = decode_result(ending.encoded)
    assert (result.outcome, result.reason) == (Outcome.INTERRUPTED, Reason.ANOTHER_DATABASE)
    assert f"'{other.name}', and the run began on '{database.name}'" in result.message
    assert database.versions == ["1"]
