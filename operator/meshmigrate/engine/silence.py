"""A server that does not answer, over a connection that seems to be in order.

Keepalives and ``tcp_user_timeout`` find a peer that is gone. A balancer, a sidecar or a pooler in
between goes on to acknowledge whatever is sent, whether or not there is a server behind it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen

OURS_SECONDS: Final = 60.0
"""What a statement of our own may take."""
_GRACE_SECONDS: Final = 30.0
"""For an answer to arrive that says that the time is over; as ``tcp_user_timeout``."""
_CANCEL_TIMEOUT: Final = 2.0

T = TypeVar("T")


class NoAnswerError(psycopg.OperationalError):
    """The server has not answered when it had to: the connection is closed."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the server was told of time: then it says by itself that something takes too long.

    Parameters
    ----------
    seconds
        The timeout of a message's statements, altogether.
    expired
        Tells whether the time for more than this message is over, of which the server knows
        nothing. Then what runs is cancelled.
    """

    seconds: float = OURS_SECONDS
    expired: Callable[[], bool] = lambda: False


def answered(
    connection: psycopg.Connection[Any],
    work: PQGen[T],
    allowed: Allowance,
    monotonic: Callable[[], float],
) -> PQGen[T]:
    """Wait for an answer as psycopg does, and look at the time whenever nothing has come.

    Raises
    ------
    NoAnswerError
        If nothing comes for longer than allowed, or after a cancellation.
    """
    heard, longest = monotonic(), allowed.seconds + _GRACE_SECONDS
    try:
        waiting = next(work)
        while True:
            ready = yield waiting
            now = monotonic()
            if ready:
                heard = now
            elif now - heard > longest:
                work.close()
                connection.close()
                raise NoAnswerError(
                    f"the server has not answered for {now - heard:.0f} s, longer than it was "
                    "given: the connection is taken for lost"
                )
            elif allowed.expired():
                # A connection that is gone has nothing to cancel.
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_CANCEL_TIMEOUT)
                longest = min(longest, now - heard + _GRACE_SECONDS)
            waiting = work.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result
