"""Real ``meshmigrate`` processes: started, stopped, killed, and read."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import meshmigrate
from meshmigrate.domain.result import Result, decode_result
from meshmigrate.domain.runspec import RunSpec, encode_spec
from tests.postgres.harness import Database

_DEADLINE: Final = 30.0
STOP_SECONDS: Final = 10.0
"""Within which whatever is asked to stop has ended: less than a pod is given."""


class Runner:
    """A real ``meshmigrate runner`` process."""

    def __init__(
        self,
        folder: Path,
        database: Database,
        spec: RunSpec,
        *,
        url: str | None = None,
        prefix: tuple[str, ...] = (),
        parts: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder / f"{spec.run.id}-{spec.run.attempt}-{uuid4()}"
        self._folder.mkdir()
        spec_file = self._folder / "spec.json"
        spec_file.write_bytes(encode_spec(spec))
        for name, text in (parts or {"url": url or database.url}).items():
            self._folder.joinpath(name).write_text(text)
        self._result_file = self._folder / "result"
        self._log_file = self._folder / "log"
        self._end: float | None = None
        with self._log_file.open("wb") as log:
            arguments = command(
                "runner",
                f"--spec={spec_file}",
                f"--credentials={self._folder}",
                f"--result={self._result_file}",
            )
            self.process = subprocess.Popen(
                [*prefix, *arguments],
                env=environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it as the kernel's OOM killer would."""
        self.process.kill()
        self.process.wait(_DEADLINE)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to stop, as the kubelet does; it promises to have ended within 10 s."""
        self.process.send_signal(number)
        self._end = time.monotonic() + STOP_SECONDS

    def wait(self) -> int:
        """Wait for its end and give the exit code; fail where it breaks its promise."""
        return self.process.wait(self._end - time.monotonic() if self._end else _DEADLINE)

    @property
    def encoded(self) -> bytes:
        """The result as it was written."""
        return self._result_file.read_bytes()

    @property
    def result(self) -> Result:
        """The result as a value."""
        return decode_result(self.encoded)

    @property
    def output(self) -> str:
        """What it has logged so far."""
        return self._log_file.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of its log."""
        return [json.loads(line) for line in self.output.splitlines()]


def command(*arguments: str) -> list[str]:
    """Give the command line that runs ``meshmigrate``."""
    return [
        sys.executable,
        "-c",
        "from meshmigrate.cli.main import main; main(prog_name='meshmigrate')",
        *arguments,
    ]


def environment(**more: str) -> dict[str, str]:
    """Give the environment to run ``meshmigrate`` in: this checkout's code, no terminal.

    It is compiled once: a quarter of a process's work, if a variable forbade to keep the outcome.
    """
    package = Path(meshmigrate.__file__).parent.parent
    return os.environ | {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": ""} | more


def run_command(
    database: Database, folder: Path, *arguments: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run ``meshmigrate`` in a folder, its output going to pipes."""
    return subprocess.run(
        command(*arguments),
        cwd=folder,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url) | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def run_in_terminal(database: Database, folder: Path, *arguments: str) -> tuple[str, int]:
    """Run ``meshmigrate`` on a pseudo-terminal and give what it shows, without colours."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(MESHMIGRATE_DATABASE_URL=database.url, TERM="xterm", COLUMNS="100"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        chunks: list[bytes] = []
        while chunk := _read(ours):
            chunks.append(chunk)
    os.close(ours)
    text = b"".join(chunks).decode()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text), process.returncode


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux says EIO where the other end is closed
        return b""
