"""A terminal to run ``meshmigrate`` on: what it shows is read while it runs."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Final, Self

from tests.postgres.harness import Database
from tests.postgres.processes import STOP_SECONDS, command, environment

_DEADLINE: Final = 30.0
_STEERING: Final = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Terminal:
    """A pseudo-terminal of 150 columns, with a process that has it as its own."""

    def __init__(self, database: Database, folder: Path, *arguments: str, **more: str) -> None:
        self.raw = ""
        """Everything shown so far, with what steers the terminal."""
        self._seconds = _DEADLINE
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=environment(
                MESHMIGRATE_DATABASE_URL=database.url, TERM="xterm", COLUMNS="150", LINES="30"
            )
            | more,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(_DEADLINE)
        os.close(self._ours)

    @property
    def shown(self) -> str:
        """Everything shown so far, as text."""
        return _STEERING.sub("", self.raw)

    def read_until(self, text: str) -> None:
        """Read until a text is shown; fail after 30 s."""
        end = time.monotonic() + _DEADLINE
        while text not in self.shown:
            if time.monotonic() > end or not self._read(end):
                raise AssertionError(f"not shown: {text!r}, but:\n{self.shown}")

    def interrupt(self) -> None:
        """Send what Ctrl-C sends; then the process has 10 s."""
        self.process.send_signal(signal.SIGINT)
        self._seconds = STOP_SECONDS

    def wait(self) -> int:
        """Read to the end and give the exit code."""
        end = time.monotonic() + self._seconds
        while self._read(end):
            pass
        return self.process.wait(max(end - time.monotonic(), 0.1))

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(end - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self._ours, 4096)
        except OSError:  # Linux says EIO where the other end is closed
            return False
        self.raw += data.decode(errors="replace")
        return bool(data)
