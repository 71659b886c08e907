"""What the tests work with: a database of their own, a folder of files, and runs of both."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import TupleRow

from meshmigrate.cli.start import Start
from meshmigrate.domain.database_url import ConnectionParameters, parse_database_url
from meshmigrate.domain.hazard import Hazard
from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.result import Result, decode_result
from meshmigrate.domain.runspec import (
    Folders,
    HazardPolicy,
    Ledger,
    Policy,
    Provenance,
    RunIdentity,
    RunSpec,
)
from meshmigrate.engine.clock import SystemClock
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.run import run
from meshmigrate.engine.stop import Stop
from meshmigrate.engine.tools import Patience, Tools
from tests.postgres.programs import dump
from tests.postgres.servers import SUPERUSER_PASSWORD, Server

PASSWORD: Final = "p@ss#w0rd%/:zqxj"
GATE: Final = 4711
"""An advisory lock that a test holds to keep a statement of a migration where it is."""

WAIT_AT_GATE: Final = (
    f"INSERT INTO marks SELECT 'gate' WHERE pg_advisory_xact_lock({GATE}) IS NOT NULL;\n"
)

ALLOW: Final = "-- meshmigrate: allow DeletesData it has served its turn\n"
"""Goes before what a file deletes that is there before its run."""
ALLOWED: Final = HazardPolicy(allow=(Hazard.DELETES_DATA,))

_DEADLINE: Final = 30.0
_PATIENCE: Final = Patience()

T = TypeVar("T")


def eventually(condition: Callable[[], T], what: str, *, within: float = _DEADLINE) -> T:
    """Wait until a condition holds, and give its value; fail after so many seconds."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {within:g} s: {what}")


@dataclass(frozen=True)
class Database:
    """A database of its own on a server, owned by an ordinary role."""

    server: Server
    name: str
    role: str

    @property
    def url(self) -> str:
        """The URL, the password's special characters escaped."""
        return self.url_with(quote(PASSWORD, safe=""))

    def url_with(self, password: str) -> str:
        """Give the URL with this text for a password."""
        place = f"127.0.0.1:{self.server.port}/{self.name}"
        return f"postgresql://{self.role}:{password}@{place}?sslmode=disable"

    def connect(self, *, superuser: bool = False) -> psycopg.Connection[TupleRow]:
        """Open a connection in autocommit mode."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.server.port,
            dbname=self.name,
            user="postgres" if superuser else self.role,
            password=SUPERUSER_PASSWORD if superuser else PASSWORD,
            autocommit=True,
        )

    def query(self, text: str, *values: object, superuser: bool = False) -> list[TupleRow]:
        """Run a statement, or several without values, and give its rows, if it has any."""
        with self.connect(superuser=superuser) as connection:
            cursor = connection.execute(text.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def scalar(self, text: str) -> Any:
        """Give the one value of a query."""
        ((value,),) = self.query(text)
        return value

    @property
    def versions(self) -> list[str]:
        """The history, in the order in which it was made."""
        rows = self.query("SELECT version FROM meshmigrate.applied ORDER BY ordinal")
        return [row[0] for row in rows]

    @property
    def log(self) -> list[tuple[str, str | None]]:
        """Event and version of each row of the log."""
        rows = self.query("SELECT event, version FROM meshmigrate.log ORDER BY id")
        return [(event, version) for event, version in rows]

    @property
    def has_ledger(self) -> bool:
        """Whether there is a schema named as the ledger."""
        return bool(self.scalar("SELECT to_regnamespace('meshmigrate') IS NOT NULL"))

    def dump(self) -> str:
        """Dump the whole database as text, without our schema and the random tokens."""
        return dump(self.server.port, self.name, SUPERUSER_PASSWORD)

    def waits_at_gate(self) -> bool:
        """Whether a statement waits for the gate."""
        return bool(self.query("SELECT 1 FROM pg_locks WHERE objid = %s AND NOT granted", GATE))

    def waits_for_row(self) -> bool:
        """Whether a session waits for a row that another one has locked."""
        waits = "SELECT 1 FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
        return bool(self.query(waits))

    def lock_holders(self) -> list[str]:
        """Give the application names of who holds the migration lock."""
        rows = self.query(
            "SELECT a.application_name FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid) "
            "WHERE l.locktype = 'advisory' AND l.granted AND a.datname = %s AND l.objid <> %s",
            self.name,
            GATE,
        )
        return [row[0] for row in rows]


@dataclass(frozen=True)
class Project:
    """A folder of migrations, rollbacks and checks."""

    root: Path

    def write(self, path: str, text: str | bytes) -> "Project":
        """Write a file, such as ``migrations/001_a.sql``."""
        file = self.root / path
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return self

    def migration(self, version: str, up: str, down: str | None = None) -> "Project":
        """Write a migration, and its rollback script if given."""
        self.write(f"migrations/{version}_m.sql", up)
        if down is not None:
            self.write(f"rollbacks/{version}_m.sql", down)
        return self

    @property
    def folders(self) -> Folders:
        """The folders that exist."""

        def existing(name: str) -> tuple[str, ...]:
            path = self.root / name
            return (str(path),) if path.is_dir() else ()

        return Folders(
            migrations=(str(self.root / "migrations"),),
            rollbacks=existing("rollbacks"),
            checks=existing("checks"),
        )


def make_spec(
    project: Project,
    *,
    run_id: UUID | None = None,
    attempt: int = 1,
    target: str = "latest",
    allow_rollback: bool = False,
    policy: Policy | None = None,
    schema: str = "meshmigrate",
) -> RunSpec:
    """Make a run spec of a project."""
    return RunSpec(
        api_version=1,
        run=RunIdentity(id=run_id or uuid4(), attempt=attempt),
        folders=project.folders,
        target=target,
        allow_rollback=allow_rollback,
        ledger=Ledger(schema=schema),
        policy=policy or Policy(),
        provenance=Provenance(actor="ci", commit="0123abcd"),
    )


@dataclass(frozen=True)
class Attempt:
    """An attempt that has ended, in this process."""

    encoded: bytes
    events: tuple[Event, ...]

    @property
    def result(self) -> Result:
        """The result as a value."""
        return decode_result(self.encoded)

    @property
    def outcome(self) -> Outcome:
        """How it ended."""
        return self.result.outcome

    def messages(self, name: EventName) -> list[str]:
        """Give the messages of the events of one name."""
        return [event.message for event in self.events if event.name is name]


@dataclass
class LeapingClock:
    """The machine's clock, put forward by a test: a deadline passes without waiting for it."""

    stop: Stop
    rate: Callable[[], float] = lambda: 1.0
    """How many seconds pass in one."""
    leapt: float = 0.0
    _read: float = field(default_factory=time.monotonic)

    def monotonic(self) -> float:
        """Give seconds that only ever grow."""
        now = SystemClock(self.stop).monotonic()
        self.leapt += (now - self._read) * (self.rate() - 1.0)
        self._read = now
        return now + self.leapt

    def sleep(self, seconds: float) -> None:
        """Wait, or raise the interruption that ends the waiting."""
        SystemClock(self.stop).sleep(seconds)


def leap_at(name: EventName, seconds: float, version: str = "") -> Callable[[Event], float]:
    """Put the clock forward at the first event of that name, and of that version if given."""
    left = [seconds]

    def leap(event: Event) -> float:
        met = event.name is name and version in {"", event.version}
        return left.pop() if met and left else 0.0

    return leap


def attempt(
    database: Database,
    spec: RunSpec,
    *,
    url: str | None = None,
    during: Callable[[Event], None] = lambda _: None,
    leap: Callable[[Event], float] = lambda _: 0.0,
    start: Start = run,
    patience: Patience = _PATIENCE,
    rate: Callable[[], float] = lambda: 1.0,
) -> Attempt:
    """Run a spec in this process; ``during`` sees each event as it happens.

    ``start`` does something else than to apply, ``leap`` puts the clock forward at an event,
    ``rate`` says how fast it runs.
    """
    events: list[Event] = []

    def record(event: Event) -> None:
        events.append(event)
        clock.leapt += leap(event)
        during(event)

    def credentials() -> ConnectionParameters:
        return parse_database_url(url or database.url)

    stop = Stop()
    clock = LeapingClock(stop, rate)
    tools = Tools(clock=clock, stop=stop, events=record, patience=patience)
    ending = start(spec, credentials, tools)
    return Attempt(ending.encoded, tuple(events))
