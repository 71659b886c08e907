"""No core dumps: memory holds passwords, and a dump of it ends up where nobody looks after it."""

import ctypes
import resource
from typing import Final

_PR_SET_DUMPABLE: Final = 4
"""Linux, prctl(2). The limit alone does not stop a dump that is piped to a program, core(5)."""


def forbid_core_dumps() -> None:
    """Let a crash of this process leave no copy of its memory, nor another process read it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)  # of Linux alone
    if prctl is not None:
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
