"""What can become of a request on its way to the API server and back."""

from dataclasses import dataclass
from typing import Final


class Crash(BaseException):
    """The operator process is gone at this very point."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that goes wrong.

    ``done`` says whether the server has done what was asked; ``status`` is what it answers, 0 for
    no answer; with ``crash`` nobody is there any more to hear it.
    """

    done: bool
    status: int = 0
    reason: str = ""
    message: str = "it was told to fail"
    retry_after: int = 0
    crash: bool = False


CRASH_BEFORE: Final = Fault(done=False, crash=True)
CRASH_AFTER: Final = Fault(done=True, crash=True)
REFUSED: Final = Fault(done=False)
LOST: Final = Fault(done=True)
TOO_MANY: Final = Fault(done=False, status=429, reason="TooManyRequests", retry_after=1)
SERVER_ERROR: Final = Fault(done=False, status=500, reason="InternalError")
DONE_AND_FAILED: Final = Fault(done=True, status=504, reason="Timeout")
CONFLICT: Final = Fault(done=False, status=409, reason="Conflict")
"""Somebody else was faster; what exactly they wrote is the next read's business."""
GONE: Final = Fault(done=False, status=410, reason="Expired")
"""A list that was read page by page is too old to be read on."""
