"""``python3 -m hack.demo``: from nothing to one migration that succeeds and one that is undone."""

import os
import sys
import time
from pathlib import Path

from hack.demo.errors import DemoError
from hack.demo.evidence import SECRETS
from hack.demo.shell import Shell
from hack.demo.story import play
from hack.demo.terminal import Terminal

_INTERRUPTED = 130
"""What a shell reports for a program that SIGINT ended (128 + 2)."""


def main() -> int:
    """Play the demo and give the exit code: 0 only if everything was as promised."""
    os.chdir(Path(__file__).parents[2])
    terminal = Terminal(sys.stdout, secrets=SECRETS)
    began = time.monotonic()
    try:
        play(Shell(terminal), terminal)
    except DemoError as error:
        terminal.bad(str(error))
        terminal.note("The cluster is left as it is, to look at; `make cluster-down` removes it.")
        return 1
    except KeyboardInterrupt:
        terminal.note("\nInterrupted; `make cluster-down` removes what is there so far.")
        return _INTERRUPTED
    terminal.note(f"\nAll as promised, in {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
