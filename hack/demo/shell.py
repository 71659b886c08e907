"""Run commands as a person would type them, and show what they print."""

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from hack.demo.errors import DemoError
from hack.demo.terminal import Terminal

PYTHON: Final = shlex.quote(sys.executable)
"""The interpreter that plays the demo; shown as ``python3``, which is what one types."""

_BASH: Final = ("bash", "-euo", "pipefail", "-c")


class Shell:
    """Commands in one environment, echoed to one terminal."""

    def __init__(self, terminal: Terminal, env: Mapping[str, str] = os.environ) -> None:
        self._terminal = terminal
        self.env = dict(env)

    def use_cluster(self) -> None:
        """Take KUBECONFIG and PATH of the local cluster, as ``eval`` in a shell would.

        Raises
        ------
        DemoError
            If the cluster does not say what they are.
        """
        said = self.ask(f'exports="$({PYTHON} -m hack.cluster env)"; eval "$exports"; env -0')
        self.env = dict(entry.split("=", 1) for entry in said.split("\0") if entry)

    def run(self, command: str, *, stdin: str | None = None) -> str:
        """Show a command, run it, show its output as it comes, and return it.

        Raises
        ------
        DemoError
            If it ends with another exit code than 0, or prints a secret.
        """
        self._terminal.command(command.replace(PYTHON, "python3"))
        lines: list[str] = []
        with self._started(command) as process:
            if process.stdin is None or process.stdout is None:
                raise AssertionError("Popen gives a pipe for each PIPE")
            with contextlib.suppress(BrokenPipeError):  # it ended early: its exit code says why
                process.stdin.write(stdin or "")
                process.stdin.close()
            for line in process.stdout:
                lines.append(line)
                self._terminal.output(line.rstrip("\n"))
        if process.returncode != 0:
            raise DemoError(f"exit code {process.returncode} from: {command}")
        return "".join(lines)

    def ask(self, command: str, *, stdin: str | None = None) -> str:
        """Run a command without showing it and return its standard output.

        Raises
        ------
        DemoError
            If it ends with another exit code than 0.
        """
        done = subprocess.run(
            [*_BASH, command],
            input=stdin or "",
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"exit code {done.returncode} from: {command}\n{done.stderr.strip()}")
        return done.stdout

    @contextlib.contextmanager
    def _started(self, command: str) -> "Iterator[subprocess.Popen[str]]":
        process = subprocess.Popen(
            [*_BASH, command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.env,
            text=True,
        )
        with process:
            try:
                yield process
            except BaseException:  # Ctrl-C included: the command must not go on behind our back
                process.terminate()
                raise
