"""Channels that a test configures, and a sink that takes what is sent, unless it is told not to."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from meshmigrate.observe.notifications.channels import Channel, Channels, Webhook
from meshmigrate.observe.notifications.delivery import Told
from meshmigrate.observe.notifications.notice import Notice

TEAM = Channel(webhook=Webhook(url="https://hooks.example.com/team"))
CHANNELS = Channels(channels={"team": TEAM}, default=("team",))


@dataclass
class Configured:
    """The operator's configuration: nothing, until a test says what."""

    channels: Channels = field(default_factory=Channels)

    def look(self) -> Channels:
        """Give the channels."""
        return self.channels


@dataclass
class Sink:
    """Where messages arrive; ``refusals`` are raised first, one for each message.

    ``fate`` says whether the operator dies at a message: ``before`` it arrives, ``after``, or not.
    """

    messages: list[tuple[Channel, list[tuple[str, Notice]]]] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    fate: Callable[[], str] = lambda: ""
    died: bool = False

    async def __call__(self, channel: Channel, told: Told) -> None:
        """Take a message."""
        if self.refusals:
            raise self.refusals.pop(0)
        fate = self.fate()
        self.died = bool(fate)
        if fate != "before":
            self.messages.append((channel, list(told)))
        if fate:
            await asyncio.Event().wait()

    @property
    def told(self) -> list[Notice]:
        """Give what has arrived, in this order."""
        return [notice for _, told in self.messages for _, notice in told]
