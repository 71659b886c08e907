"""A process from its start to its end: how long it took and how much memory it had."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MESHMIGRATE: Final = (sys.executable, "-c", "from meshmigrate.cli.main import main; main()")
"""The command as the wheel installs it."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that has ended well."""

    seconds: float
    """By the wall clock."""
    processor: float
    """Seconds of processor time."""
    mebibytes: float
    """The resident set at its largest."""
    output: bytes


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Finished:
    """Run a command to its end.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    began = time.monotonic()
    with subprocess.Popen(
        command, env=os.environ | (environment or {}), stdout=subprocess.PIPE
    ) as process:
        output = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(
            f"{' '.join(command[:4])} ... ended with {process.returncode}: {output!r}"
        )
    return Finished(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)
