"""A process is its pid and its start: nothing else is ever signalled."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from hack.cluster.processes import (
    Process,
    children,
    look_up,
    parse_stat,
    record,
    recorded,
    stop,
    wait_until,
)

STUBBORN = (
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
)

OUTLIVED = """
import ctypes, os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0))).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_name_may_contain_anything() -> None:
    """A program's name in /proc/<pid>/stat may itself have spaces and parentheses."""
    fields = " ".join("0" if number == 20 else str(number) for number in range(4, 53))
    assert parse_stat(f"42 (a) S (b c) Z {fields}") == (Process(42, 22), True)
    assert parse_stat(f"42 (a) Z (b c) S {fields}") == (Process(42, 22), False)


def test_a_recorded_process_is_recognised(tmp_path: Path) -> None:
    """What was recorded of a living process reads back as that process, alive."""
    file = tmp_path / "own.pid"
    record(os.getpid(), file)
    found = recorded(file)
    assert found is not None
    assert found.pid == os.getpid()
    assert found.is_alive()


def test_a_recycled_pid_counts_as_dead() -> None:
    """The same pid with another start is somebody else, and is not signalled."""
    own = look_up(os.getpid())
    assert own is not None
    stranger = Process(os.getpid(), own.process.started + 1)
    assert not stranger.is_alive()
    stranger.send(signal.SIGKILL)


def test_half_a_record_is_none(tmp_path: Path) -> None:
    """A record that is missing or cut off names no process."""
    file = tmp_path / "cut.pid"
    assert recorded(file) is None
    file.write_text("12 (sh) S 1")
    assert recorded(file) is None


def test_a_zombie_does_not_live() -> None:
    """A process that ended but was not collected does not run any more."""
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    found = look_up(child.pid)
    assert found is not None
    assert not found.process.is_alive()
    assert child.wait() == 0


def test_a_process_lives_while_any_thread_does() -> None:
    """Its first thread may end before others: the process still has its memory and its sockets."""
    with subprocess.Popen([sys.executable, "-c", OUTLIVED], stdin=subprocess.PIPE) as child:
        file = Path(f"/proc/{child.pid}/stat")
        assert wait_until(lambda: file.read_text().split()[2] == "Z", seconds=10)
        found = look_up(child.pid)
        assert found is not None
        assert found.process.is_alive()
        assert child.stdin is not None
        child.stdin.close()
        assert wait_until(lambda: not found.process.is_alive(), seconds=10)


def test_a_stubborn_process_is_ended() -> None:
    """One that ignores the request to end is killed, even if it was stopped meanwhile."""
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in children(os.getpid())
        found = look_up(child.pid)
        assert found is not None
        found.process.send(signal.SIGSTOP)
        stop([found.process], patience=0.1)
        assert child.wait(10) == -signal.SIGKILL
