"""A crash takes back commits that nobody had flushed: each as a whole, and it is done again."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psycopg
import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.ledger import log
from meshmigrate.engine.ledger.store import Ledger
from tests.postgres.cutting import PER_FILE, PulledPlugError
from tests.postgres.harness import Attempt, Database, Project, attempt, eventually, make_spec
from tests.postgres.servers import Server
from tests.postgres.spare_server import new_database
from tests.postgres.test_crash import marks, three_files

pytestmark = pytest.mark.one_version  # the crash is real, but it is our next connection that counts

_WRITERS: Final = """
SELECT pid FROM pg_stat_activity
WHERE backend_type IN ('walwriter', 'background writer', 'checkpointer')
"""
"""Whoever writes what others have only committed."""


@pytest.fixture
def database(spare: Server) -> Database:
    """Give a database on a server that may be crashed."""
    return new_database(spare)


@contextmanager
def frozen_writers(database: Database) -> Iterator[list[int]]:
    """Freeze them: only a session that flushes its own commit writes, with all before it."""
    writers = [pid for (pid,) in database.query(_WRITERS, superuser=True)]
    for pid in writers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield writers
    finally:
        for pid in writers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def crash(database: Database, writers: list[int]) -> list[str]:
    """Kill them, which the server takes for a crash, and give what is left when it is back."""
    for pid in writers:
        os.kill(pid, signal.SIGKILL)

    def recovered() -> list[list[str]]:
        with suppress(psycopg.OperationalError):
            return [database.versions]
        return []

    eventually(lambda: not all(map(_exists, writers)), "they are gone")
    (left,) = eventually(recovered, "the server is back")
    return left


def _exists(pid: int) -> bool:
    return Path("/proc", str(pid)).exists()


def attempt_with_crash(database: Database, spec: RunSpec, *, with_runner: bool) -> Attempt | None:
    """Run a spec, and crash the server behind the COMMIT of version 2, before that is on disk."""
    left: list[list[str]] = []

    def strike(event: Event) -> None:
        if (event.name, event.version) == (EventName.APPLIED, "2") and not left:
            assert database.versions == ["1", "2"]
            left.append(crash(database, writers))
            if with_runner:
                raise PulledPlugError

    done = None
    with frozen_writers(database) as writers:
        if with_runner:
            with pytest.raises(PulledPlugError):
                attempt(database, spec, during=strike)
        else:
            done = attempt(database, spec, during=strike)
    assert left == [[]], "the commits were to be lost"
    return done


@pytest.mark.parametrize("with_runner", [False, True])
def test_what_a_crash_took_back_is_done_again(
    database: Database, project: Project, *, with_runner: bool
) -> None:
    """By the next connection or the next attempt; the log has each file once, and its chain."""
    three_files(project)
    spec = make_spec(project, policy=PER_FILE)
    done = attempt_with_crash(database, spec, with_runner=with_runner)
    if done is None:
        again = make_spec(project, run_id=spec.run.id, attempt=2, policy=PER_FILE)
        done = attempt(database, again)
    assert done.outcome is Outcome.SUCCEEDED
    assert done.result.applied.count == 3
    assert marks(database) == ["one", "three", "two"]
    assert database.versions == ["1", "2", "3"]
    assert [version for event, version in database.log if event == "Applied"] == ["1", "2", "3"]
    with database.connect() as connection:
        assert log.find_break(Ledger(connection, "meshmigrate")) is None
