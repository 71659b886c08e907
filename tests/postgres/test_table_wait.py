"""Old transactions are waited for outside of our own, and young ones are not."""

from collections.abc import Callable
from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from meshmigrate.domain.runspec import LockPolicy, Policy
from meshmigrate.domain.script import Script, ScriptKind
from meshmigrate.domain.version import Version
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.prepared import prepare_script
from meshmigrate.engine.probe import probe
from meshmigrate.engine.table_wait import TableWait
from tests.postgres.harness import Database, Project, attempt, make_spec

pytestmark = pytest.mark.every_version

ADD_COLUMN: Final = "ALTER TABLE users ADD COLUMN email text"
OLD_READER: Final = "BEGIN; SELECT * FROM users; SELECT pg_sleep(0.31)"
_BLOCKED: Final = (
    "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
)


class ScriptedClock:
    """A clock that stands, and does what it is told instead of sleeping."""

    def __init__(self, instead: Callable[[int], None]) -> None:
        self.slept = 0
        self._instead = instead

    def monotonic(self) -> float:
        """Give 0.2 s for each sleep."""
        return self.slept * 0.2

    def sleep(self, seconds: float) -> None:
        """Go on at once."""
        assert seconds == 0.2
        self.slept += 1
        self._instead(self.slept)


def wait(
    database: Database,
    text: str,
    instead: Callable[[int], None] = lambda _: None,
    give_up: Callable[[], bool] = lambda: False,
) -> tuple[int, int, list[Event]]:
    """Wait for the tables of a script: the lock timeout, the sleeps and the events."""
    clock = ScriptedClock(instead)
    events: list[Event] = []
    with database.connect() as connection:
        tables = TableWait(connection, probe(connection), clock, events.append)
        script = prepare_script(Script(ScriptKind.MIGRATION, "1_m.sql", text))
        timeout = tables.wait(script, version=Version("1"), give_up=give_up)
    return timeout, clock.slept, events


@pytest.mark.parametrize("hidden", [False, True])
def test_a_long_reader_is_waited_for_while_nobody_waits_for_us(
    database: Database, project: Project, *, hidden: bool
) -> None:
    """Fault 16: the application reads on; the first try succeeds, whoever the reader is."""
    database.query("CREATE TABLE users (id int)")
    project.migration("1", ADD_COLUMN)
    blocked: list[int] = []
    with (
        database.connect(superuser=hidden) as reader,
        database.connect(superuser=True) as application,
    ):
        reader.execute(f"SET application_name = 'report'; {OLD_READER}".encode())

        def end_reader(event: Event) -> None:
            if event.name is EventName.WAITING_FOR_TABLES:
                application.execute("SELECT * FROM users")
                blocked.extend(row[0] for row in application.execute(_BLOCKED))
                reader.execute("ROLLBACK")

        ended = attempt(database, make_spec(project), during=end_reader)
        assert ended.outcome is Outcome.SUCCEEDED
        assert blocked == [0]
        assert ended.messages(EventName.TABLE_LOCK_RETRY) == []
        (message,) = ended.messages(EventName.WAITING_FOR_TABLES)
        user = "postgres" if hidden else "app"
        assert f"process {reader.info.backend_pid} 'report' (user {user}, " in message


def test_a_reader_that_never_ends_gets_tries_from_half_of_the_deadline_on(
    database: Database, project: Project
) -> None:
    """Then TableLockTimeout names it; the tries are short, so a younger reader is never stuck."""
    database.query("CREATE TABLE users (id int)")
    project.migration("1", ADD_COLUMN)
    policy = Policy(lock=LockPolicy(table_lock_deadline_seconds=2))
    with database.connect() as reader:
        reader.execute(OLD_READER)
        ended = attempt(database, make_spec(project, policy=policy))
        named = f"process {reader.info.backend_pid} (user app, idle in transaction, in a trans"
        assert named in ended.result.message
        assert named in ended.messages(EventName.WAITING_FOR_TABLES)[0]
    assert (ended.outcome, ended.result.reason) == (
        Outcome.LOCK_TIMEOUT,
        Reason.TABLE_LOCK_TIMEOUT,
    )
    failure = ended.result.failure
    assert failure is not None
    assert failure.sqlstate == "55P03"


@pytest.mark.parametrize(
    ("held", "wanted", "waits"),
    [
        ("SELECT * FROM users", "CREATE INDEX ON users (id)", False),
        ("INSERT INTO users VALUES (1)", "CREATE INDEX ON users (id)", True),
        ("SELECT * FROM users", "ALTER TABLE users SET (fillfactor = 70)", False),
        ("INSERT INTO users VALUES (1)", "UPDATE users SET id = 2", False),
        ("LOCK TABLE users IN SHARE MODE", "UPDATE users SET id = 2", True),
        ("SELECT * FROM users", "TRUNCATE users", True),
        ("SELECT * FROM orders", "ALTER TABLE users ADD COLUMN email text", False),
        ("SELECT * FROM orders", "DROP TABLE users CASCADE", True),
        ("SELECT * FROM users", "CREATE TABLE fresh (id int)", False),
        ("SELECT * FROM users", "DO 'BEGIN TRUNCATE users CASCADE; END'", False),
    ],
)
def test_only_what_conflicts_is_waited_for(
    database: Database, held: str, wanted: str, *, waits: bool
) -> None:
    """On the tables that are there, in the modes that exclude each other."""
    database.query(
        "CREATE TABLE users (id int PRIMARY KEY); CREATE TABLE orders (u int REFERENCES users)"
    )
    with database.connect(superuser=True) as other:
        other.execute(f"BEGIN; {held}".encode())

        def end_after_two(times: int) -> None:
            if times == 2:
                other.execute("ROLLBACK")

        _, slept, events = wait(database, wanted, end_after_two)
    assert (slept > 0) == waits
    assert bool(events) == waits


def test_young_transactions_are_not_waited_for(database: Database) -> None:
    """Another one at each look: our turn comes at the second."""
    database.query("CREATE TABLE users (id int)")
    with database.connect(superuser=True) as application:
        application.execute("BEGIN; SELECT * FROM users")

        def next_transaction(_: int) -> None:
            application.execute("COMMIT; BEGIN; SELECT * FROM users")

        assert wait(database, ADD_COLUMN, next_transaction) == (0, 1, [])


def test_names_are_found_as_the_role_finds_them(database: Database) -> None:
    """A table of the same name in another schema is another table."""
    database.query(
        "CREATE SCHEMA a; CREATE TABLE a.users (); CREATE TABLE users ();"
        f"ALTER ROLE app IN DATABASE {database.name} SET search_path = a"
    )
    with database.connect(superuser=True) as other:
        other.execute("BEGIN; SELECT * FROM public.users")
        assert wait(database, ADD_COLUMN) == (0, 0, [])
        other.execute("SELECT * FROM a.users")

        def end(_: int) -> None:
            other.execute("ROLLBACK")

        _, slept, _ = wait(database, ADD_COLUMN, end)
        assert slept == 1


def test_waiting_ends_when_it_has_to(database: Database) -> None:
    """The caller decides when it is time for tries; who is in the way was told once in 5 s."""
    database.query("CREATE TABLE users (id int)")
    looks = iter(range(100))
    with database.connect() as reader:
        reader.execute(OLD_READER)
        _, slept, events = wait(database, ADD_COLUMN, give_up=lambda: next(looks) == 40)
    assert slept == 40
    assert [event.name for event in events] == [EventName.WAITING_FOR_TABLES] * 2
