"""A crash leaves no copy of the memory, which holds passwords."""

import signal
import subprocess
import sys
from pathlib import Path

_CRASH = """
import os, resource, sys
from meshmigrate.cli.core_dumps import forbid_core_dumps
resource.setrlimit(resource.RLIMIT_CORE, (-1, -1))
if sys.argv[1] == "forbid":
    forbid_core_dumps()
print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)
os.kill(os.getpid(), 11)
"""


def crash(folder: Path, how: str) -> tuple[int, str]:
    """Let a process crash in a folder; give how it ended and what it said of its limit."""
    ended = subprocess.run(
        [sys.executable, "-c", _CRASH, how],
        cwd=folder,
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return ended.returncode, ended.stdout.strip()


def test_a_crash_leaves_no_core(tmp_path: Path) -> None:
    """The limit is 0 for good, and the folder empty."""
    assert crash(tmp_path, "forbid") == (-signal.SIGSEGV, "(0, 0)")
    assert list(tmp_path.iterdir()) == []


def test_the_memory_of_the_process_is_nobody_elses() -> None:
    """Not even another process of the same user may read it (prctl(2), PR_SET_DUMPABLE)."""
    code = (
        "import ctypes\n"
        "from meshmigrate.cli.core_dumps import forbid_core_dumps\n"
        "forbid_core_dumps()\n"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ended.stdout == "0\n"
