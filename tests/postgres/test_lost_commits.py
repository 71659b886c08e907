"""A crash takes back commits that nobody had flushed: each as a whole, and it is done again."""

from typing import Final

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.runspec import RunSpec
from meshmigrate.engine.events import Event, EventName
from meshmigrate.engine.ledger import log
from meshmigrate.engine.ledger.store import Ledger
from tests.postgres.cutting import PER_FILE, PulledPlugError
from tests.postgres.harness import Attempt, Database, Project, attempt, make_spec
from tests.postgres.servers import Server
from tests.postgres.spare_server import crash, new_database
from tests.postgres.test_crash import marks, three_files

_SLOW: Final = "ALTER SYSTEM SET wal_writer_delay = '10s'"
_SOON: Final = "ALTER SYSTEM RESET wal_writer_delay"


@pytest.fixture
def database(spare: Server) -> Database:
    """Give a database on a server that may be crashed."""
    return new_database(spare)


def attempt_with_crash(database: Database, spec: RunSpec, *, with_runner: bool) -> Attempt | None:
    """Run a spec, and crash the server behind the COMMIT of version 2, before that is on disk."""
    crashed: list[list[str]] = []

    def strike(event: Event) -> None:
        if (event.name, event.version) == (EventName.APPLIED, "2") and not crashed:
            assert database.versions == ["1", "2"]
            crash(database.server)
            crashed.append(database.versions)
            if with_runner:
                raise PulledPlugError

    # Who writes for the others wakes up to read that it is to sleep for 10 s.
    database.query(_SLOW, superuser=True)
    database.query("SELECT pg_reload_conf()", superuser=True)
    try:
        if not with_runner:
            return attempt(database, spec, during=strike)
        with pytest.raises(PulledPlugError):
            attempt(database, spec, during=strike)
        return None
    finally:
        database.query(_SOON, superuser=True)
        database.query("SELECT pg_reload_conf()", superuser=True)
        assert crashed == [[]], "the commits were to be lost"


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
