"""Commands that are started and looked at while they run, and what holds them where they are."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from tests.postgres.harness import Database, Project
from tests.postgres.processes import STOP_SECONDS, command, environment

_SECONDS: Final = 30
"""For a killed process to be gone."""


class Command:
    """A command in a pipe, and what it has said so far."""

    def __init__(self, database: Database, project: Project, *arguments: str) -> None:
        self._output = project.root / "output"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command(*arguments),
                cwd=project.root,
                env=environment(MESHMIGRATE_DATABASE_URL=database.url),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        """What it has written, errors included."""
        return self._output.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and give its exit code; fail after the 10 s that it promises."""
        self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def started(database: Database, project: Project, *arguments: str) -> Iterator[Command]:
    """Run a command that does not outlive the block."""
    running = Command(database, project, *arguments)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(_SECONDS)


@contextmanager
def in_transaction(database: Database, statement: str) -> Iterator[psycopg.Connection[TupleRow]]:
    """Keep a transaction open that has run a statement."""
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(statement.encode())
        yield other
        other.execute("ROLLBACK")


def is_blocked(database: Database) -> bool:
    """Whether a session of ours waits for a lock."""
    return bool(
        database.query(
            "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'meshmigrate:%' "
            "AND wait_event_type = 'Lock' AND datname = current_database()"
        )
    )
