"""Processes and their identity: a pid alone may already belong to somebody else."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_STEP_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A pid with the time it was started at, in clock ticks since boot (proc(5), field 22)."""

    pid: int
    started: int

    def is_alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        now = look_up(self.pid)
        return now is not None and now.process == self and not now.ended

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the process is gone."""
        if self.is_alive():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


class Seen(NamedTuple):
    """A process, and whether it had ended but was not collected yet."""

    process: Process
    ended: bool


def parse_stat(text: str) -> Seen:
    """Read a line of /proc/<pid>/stat.

    The program's name stands in parentheses and may itself contain any character. The state is
    that of the first thread: others may go on after it, and field 20 counts them.
    """
    rest = text[text.rindex(")") + 2 :].split()
    threads = int(rest[17])
    process = Process(int(text.split(" ", 1)[0]), int(rest[19]))
    return Seen(process, ended=rest[0] in "ZX" and threads <= 1)


def look_up(pid: int) -> Seen | None:
    """Who has this pid now, or None."""
    try:
        return parse_stat(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None


def recorded(file: Path) -> Process | None:
    """Read the process that a record names; None without a record or with half of one."""
    try:
        return parse_stat(file.read_text()).process
    except (FileNotFoundError, ValueError, IndexError):
        return None


def record(pid: int, file: Path) -> None:
    """Write down who has this pid now, in the format of /proc/<pid>/stat."""
    with suppress(FileNotFoundError, ProcessLookupError):
        fresh = file.with_name(f".{file.name}.new")
        fresh.write_text(Path(f"/proc/{pid}/stat").read_text())
        fresh.replace(file)


def children(pid: int) -> list[int]:
    """Child processes of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            found += [int(child) for child in task.read_text().split()]
    return found


def stop(processes: Iterable[Process], *, patience: float) -> None:
    """Ask processes to end, and end those that have not after `patience` seconds."""
    chosen = list(processes)
    for process in chosen:
        process.send(signal.SIGTERM)
        process.send(signal.SIGCONT)  # a stopped one would never see the request
    if not wait_until(lambda: not any(one.is_alive() for one in chosen), seconds=patience):
        for process in chosen:
            process.send(signal.SIGKILL)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll a condition until it holds (True) or the time is over (False)."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_STEP_SECONDS)
    return True
