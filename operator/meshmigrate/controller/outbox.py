"""The outbox in the status: what is to be told is stored in the very write that stores the end.

So nothing that has ended goes untold, whenever the operator dies; what was sent just before that
is sent again, under the same id.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from meshmigrate.controller.clock import format_time, parse_time
from meshmigrate.controller.notification import (
    DELIVERED,
    GIVEN_UP,
    PENDING,
    UNWANTED,
    Notification,
    Receipt,
)
from meshmigrate.controller.observed import Observed, ObservedResource
from meshmigrate.controller.status import Status
from meshmigrate.controller.telling import notice_of_change
from meshmigrate.observe.notifications.notice import notice_id

LENGTH: Final = 24
"""Entries, at most; those that are delivered go first, then the oldest."""
GIVE_UP_AFTER: Final = timedelta(days=1)
DELETION_GRACE: Final = timedelta(seconds=30)
_FIRST_DELAY_SECONDS: Final = 10.0
_LONGEST_DELAY_SECONDS: Final = 900.0
_REASON_LENGTH: Final = 256


def with_notifications(observed: Observed, status: Status) -> Status:
    """Give the status with what became of its notifications, and with those that are new."""
    entries = _settled(status.notifications, observed.receipts)
    known = {entry.id for entry in entries}
    added = tuple(entry for entry in _new(observed, status) if entry.id not in known)
    entries = _bounded((*added, *entries)) if added else entries
    if entries == status.notifications:
        return status
    return replace(status, notifications=entries)


def wait_for_delivery(resource: ObservedResource, now: datetime) -> timedelta | None:
    """Say how long a deletion is to wait for what is not delivered; None if it need not.

    That is a moment after it came to be told. What has been waiting for longer holds nothing: the
    operator may be uninstalled by the time of the deletion.
    """
    pending = [entry for entry in resource.status.notifications if entry.pending]
    if not pending:
        return None
    newest = max(parse_time(entry.created_at) for entry in pending)
    left = max(newest, resource.deleted_at or newest) + DELETION_GRACE - now
    return left if left > timedelta(0) else None


def _new(observed: Observed, status: Status) -> Iterator[Notification]:
    notice = notice_of_change(observed, status)
    if notice is None:
        return
    spec = observed.resource.spec or observed.resource.spec_of_run
    asked = spec.notifications.channels if spec else None
    for channel in observed.channels.listeners(asked, notice):
        yield Notification(
            id=notice_id(notice.run_id, notice.outcome, channel),
            channel=channel,
            state=PENDING,
            created_at=format_time(observed.now),
            notice=notice,
        )


def _settled(
    entries: tuple[Notification, ...], receipts: tuple[Receipt, ...]
) -> tuple[Notification, ...]:
    by_id = {receipt.id: receipt for receipt in receipts}
    return tuple(_settle(entry, by_id.get(entry.id)) for entry in entries)


def _settle(entry: Notification, receipt: Receipt | None) -> Notification:
    if receipt is None or receipt.is_stored(entry):
        return entry
    tried = replace(entry, attempts=receipt.attempts, next_attempt_at="", reason="")
    if receipt.end != "failed":
        state = DELIVERED if receipt.end == "delivered" else UNWANTED
        return replace(tried, state=state, notice=None)
    reason = receipt.reason[:_REASON_LENGTH]
    if receipt.at - parse_time(entry.created_at) >= GIVE_UP_AFTER:
        return replace(tried, state=GIVEN_UP, reason=reason, notice=None)
    due = receipt.at + timedelta(seconds=_delay(receipt))
    return replace(tried, reason=reason, next_attempt_at=format_time(due))


def _delay(receipt: Receipt) -> float:
    """10 s, doubling to 15 min; longer if the receiver asked for that."""
    doubled = _FIRST_DELAY_SECONDS * 2.0 ** min(receipt.attempts - 1, 16)
    return max(min(doubled, _LONGEST_DELAY_SECONDS), receipt.retry_after)


def _bounded(entries: tuple[Notification, ...]) -> tuple[Notification, ...]:
    surplus = len(entries) - LENGTH
    if surplus <= 0:
        return entries
    oldest_first = sorted(range(len(entries)), key=lambda at: (entries[at].pending, -at))
    dropped = set(oldest_first[:surplus])
    return tuple(entry for at, entry in enumerate(entries) if at not in dropped)
