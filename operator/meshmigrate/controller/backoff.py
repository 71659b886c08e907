"""When the next attempt is due: a pure function of what the status holds."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from meshmigrate.controller.clock import parse_time, seconds_between
from meshmigrate.controller.run_status import CurrentRun, LastAttempt
from meshmigrate.controller.spec import Retry
from meshmigrate.domain.reason import Reason

FIRST_DELAY_SECONDS: Final = 5.0
LONGEST_DELAY_SECONDS: Final = 300.0
DELAY_AFTER_DEADLINE_SECONDS: Final = 600.0
_JITTER: Final = 0.2
_NO_REASON_TO_WAIT: Final = frozenset({Reason.RUNNER_LOST, Reason.SUSPENDED, Reason.CANCELLED})


def past_deadline(run: CurrentRun, retry: Retry, now: datetime) -> bool:
    """Say whether a run that cannot work has had its time; at the deadline itself it has.

    The time in which it worked does not count: a long run may be drained late and go on.
    """
    if not run.trouble_since:
        return False
    return seconds_between(run.trouble_since, now) >= retry.deadline_seconds


def due_at(run: CurrentRun, last: LastAttempt, retry: Retry, resource_uid: str) -> datetime:
    """Give the moment from which the next attempt may start.

    5 s, doubling to 5 min, then every 10 min once the retry deadline has passed; each by up to a
    fifth earlier or later, by resource and attempt, so that a database that comes back is not
    met by everybody at once. A lost pod is no reason to wait, and a person who stopped the attempt
    even less.
    """
    ended = parse_time(last.ended_at)
    if last.reason in _NO_REASON_TO_WAIT:
        return ended
    if past_deadline(run, retry, ended):
        delay = DELAY_AFTER_DEADLINE_SECONDS
    else:
        exponent = min(last.attempt - 1, 16)
        delay = min(FIRST_DELAY_SECONDS * 2**exponent, LONGEST_DELAY_SECONDS)
    return ended + timedelta(seconds=delay * _jitter(resource_uid, last.attempt))


def _jitter(resource_uid: str, attempt: int) -> float:
    digest = hashlib.sha256(f"{resource_uid}/{attempt}".encode()).digest()
    fraction = int.from_bytes(digest[:4], "big") / 2**32
    return 1 - _JITTER + 2 * _JITTER * fraction
