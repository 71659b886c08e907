"""Bringing notices to a channel, whichever way it has."""

from collections.abc import Sequence
from typing import Protocol

from meshmigrate.observe.notifications.channels import Channel
from meshmigrate.observe.notifications.notice import Notice

Told = Sequence[tuple[str, Notice]]
"""What goes into one message: each notice with its id."""


class NotDelivered(Exception):
    """Why it was not; free of addresses and tokens.

    Parameters
    ----------
    retry_after
        For how many seconds the receiver asked to be left alone.
    """

    def __init__(self, why: str, *, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class Deliver(Protocol):
    """Sends one message to a channel."""

    async def __call__(self, channel: Channel, told: Told) -> None:
        """Send; raises `NotDelivered` where that did not succeed within its time."""
        ...


async def deliver(channel: Channel, told: Told) -> None:
    """Send one message: by the webhook, or by all of Apprise's URLs.

    Raises
    ------
    NotDelivered
        If the channel did not take it.
    """
    if channel.webhook is not None:
        from meshmigrate.observe.notifications.webhook import post_event  # noqa: PLC0415

        await post_event(channel.webhook, told)
    else:
        from meshmigrate.observe.notifications.apprise_urls import send_to_urls  # noqa: PLC0415

        await send_to_urls(channel.urls, told)
