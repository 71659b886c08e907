"""SIGTERM while a connection is being made that nobody answers: there is a result within 10 s."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from meshmigrate.domain.outcome import Outcome
from meshmigrate.domain.reason import Reason
from tests.postgres.harness import Database, Project, eventually, make_spec
from tests.postgres.processes import Runner
from tests.postgres.proxy import Proxy

pytestmark = pytest.mark.one_version  # no server answers


class Silence(Proxy):
    """Passes everything on until it is silent: then who connects waits for ever."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.silent = threading.Event()
        self.waiting: list[socket.socket] = []

    def admit(self, client: socket.socket) -> bool:
        """Keep who comes now without a word."""
        if self.silent.is_set():
            self.waiting.append(client)
        return not self.silent.is_set()


@pytest.fixture
def silence(database: Database) -> Iterator[Silence]:
    """Give a proxy that can fall silent."""
    with Silence(database) as proxy:
        yield proxy
        for each in proxy.waiting:
            each.close()


@pytest.mark.parametrize("connected_before", [False, True])
def test_a_connection_that_nobody_answers_is_left(
    database: Database,
    project: Project,
    tmp_path: Path,
    silence: Silence,
    connected_before: bool,
) -> None:
    """Interrupted, as a result and as exit code."""
    project.migration("1", "SELECT pg_sleep(60)")
    spec = make_spec(project)
    if not connected_before:
        silence.silent.set()
    with closing(database.connect()), Runner(tmp_path, database, spec, url=silence.url) as runner:
        if connected_before:
            sleeping = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
            eventually(lambda: database.query(sleeping), "is in its statement")
            silence.silent.set()
            silence.cut()
        eventually(lambda: silence.waiting, "waits for an answer")
        runner.terminate()
        assert runner.wait() == Outcome.INTERRUPTED.exit_code
        assert runner.result.outcome is Outcome.INTERRUPTED, runner.output
        assert runner.result.reason == Reason.TERMINATED
        assert runner.result.message.startswith("stopped ")
