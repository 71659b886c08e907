"""The runner's log: a JSON object per line, which the operator reads while the pod runs.

Every line holds all that is known at its time, so that the last one is enough: whoever starts
to read late, or sees only the end of a long log, misses nothing.
"""

from datetime import datetime
from typing import Final, Literal

from msgspec import DecodeError, json

from meshmigrate.domain.result import RollbackReady
from meshmigrate.domain.runspec import Contract

LogFormat = Literal["json", "console"]
"""Lines for machines, or for people."""
Direction = Literal["up", "down"]
"""``down``: what was applied is being taken back."""

MAX_MESSAGE_BYTES: Final = 4096
"""A line stays below the 16 KiB at which a container runtime would divide it."""
_MAX_TEXT_BYTES: Final = 256
_MAX_BLOCKERS: Final = 3
_ELLIPSIS: Final = "…"


class Progress(Contract, frozen=True, kw_only=True):
    """How far an attempt is, and what keeps it. It holds no row's value and no constant."""

    direction: Direction = "up"
    version: str = ""
    file: str = ""
    line: int | None = None
    """Where the statement begins, from 1."""
    applied: int | None = None
    """How many of the files are done; on the way back, how many are taken back."""
    total: int | None = None
    statement: str = ""
    """The running one, without its constants and comments, shortened."""
    seconds: int | None = None
    """How long that has been running."""
    doing: str = ""
    """What the server says of it, such as how far an index is."""
    waiting_for: str = ""
    blockers: tuple[str, ...] = ()
    """Who is in the way; at most three."""
    cause: str = ""
    """Why it goes back, where that was not asked for."""


class LogLine(Contract, frozen=True, kw_only=True):
    """A line. Times are RFC 3339 in UTC, of the runner's clock."""

    api_version: Literal[1]
    time: str
    level: Literal["info", "warning", "error"]
    logger: str = ""
    """Who speaks: ours are below ``meshmigrate``."""
    event: str
    """What happened, in a word."""
    message: str
    resource: str = ""
    """``namespace/name``, where a resource asked for the run."""
    run_id: str = ""
    run: int | None = None
    """Its number."""
    attempt: int | None = None
    version: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    progress: Progress | None = None
    """Left out until the runner waits for something or has begun a file."""
    rollback_ready: RollbackReady | None = None
    """Left out until it is known."""
    trace_id: str = ""
    """Left out where there are no traces."""


def encode_line(line: LogLine) -> bytes:
    """Give a line, its end included."""
    return json.encode(line) + b"\n"


def decode_line(data: bytes) -> LogLine | None:
    """Read a line; None if it is cut off, or nobody's."""
    try:
        return json.decode(data, type=LogLine)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None


def format_moment(moment: datetime) -> str:
    """Give a moment in UTC as the lines have it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shortened(text: str, max_bytes: int = _MAX_TEXT_BYTES) -> str:
    """Cut a text to so many bytes; that it was cut is shown."""
    raw = text.encode()
    if len(raw) <= max_bytes:
        return text
    return raw[: max_bytes - len(_ELLIPSIS.encode())].decode(errors="ignore") + _ELLIPSIS


def name_blockers(blockers: tuple[str, ...]) -> tuple[str, ...]:
    """Give the first of those who are in the way, each shortened."""
    return tuple(shortened(blocker) for blocker in blockers[:_MAX_BLOCKERS])


def describe_wait(waiting_for: str, blockers: tuple[str, ...]) -> str:
    """Say what is waited for and who has it; empty if nothing is."""
    if not waiting_for:
        return ""
    held = f" held by {'; '.join(blockers)}" if blockers else ""
    return f"waits for {waiting_for}{held}"
