"""An entry of the outbox that every resource has in its status, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from meshmigrate.controller.clock import parse_time
from meshmigrate.domain.runspec import Contract
from meshmigrate.observe.notifications.notice import Notice

PENDING = "Pending"
DELIVERED = "Delivered"
GIVEN_UP = "GivenUp"
UNWANTED = "Unwanted"
"""The channel does not want it, which was not known when it was written down."""


class Notification(Contract, frozen=True, kw_only=True):
    """What a channel is told. The notice is kept until it is delivered or given up.

    ``id`` is the same however often it is sent. ``reason`` says why the last attempt failed.
    """

    id: str
    channel: str
    state: str
    created_at: str
    attempts: int = 0
    next_attempt_at: str = ""
    reason: str = ""
    notice: Notice | None = None

    def __post_init__(self) -> None:
        for moment in filter(None, (self.created_at, self.next_attempt_at)):
            if parse_time(moment).tzinfo is None:
                raise ValueError(f"{moment} has no time zone")

    @property
    def pending(self) -> bool:
        """Whether it is still to be delivered."""
        return self.state == PENDING and self.notice is not None

    def is_due(self, now: datetime) -> bool:
        """Say whether it is to be sent now."""
        return self.pending and (
            not self.next_attempt_at or now >= parse_time(self.next_attempt_at)
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an attempt to deliver a notification went; not stored yet."""

    id: str
    attempts: int
    at: datetime
    end: Literal["delivered", "failed", "unwanted"]
    reason: str = ""
    retry_after: float = 0.0

    def is_stored(self, entry: Notification | None) -> bool:
        """Say whether an entry shows it, or more."""
        return entry is None or not entry.pending or entry.attempts >= self.attempts
