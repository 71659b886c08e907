"""Wall-clock time as the Kubernetes API writes it: RFC 3339, UTC, whole seconds.

The wall clock is right here, and only here: these times are stored in the resource and must mean
the same to the next operator process.
"""

from collections.abc import Callable
from datetime import UTC, datetime

WallClock = Callable[[], datetime]


def utc_now() -> datetime:
    """Give the present moment in UTC."""
    return datetime.now(UTC)


def format_time(moment: datetime) -> str:
    """Write a moment as metav1.Time does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time.

    Raises
    ------
    ValueError
        If the text is none.
    """
    return datetime.fromisoformat(text)


def seconds_between(start: str, end: datetime) -> float:
    """Give the seconds from a stored time to a moment."""
    return (end - parse_time(start)).total_seconds()
