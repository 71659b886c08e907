"""The channels as the administrator configures them: one YAML file, mounted from a Secret."""

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import yaml
from msgspec import Struct, ValidationError, convert, field

from meshmigrate.observe.notifications.notice import TOLD_OUTCOMES, Notice, at_least

Severity = Literal["info", "warning", "error", "critical"]
_MOST_CHANNELS: Final = 64


class ChannelsInvalid(ValueError):
    """The file is not as it must be; the text says where, and repeats nothing of it."""


class _Configured(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
): ...


class Webhook(_Configured, frozen=True, kw_only=True):
    """Where CloudEvents are posted to, and with which headers, such as Authorization."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Webhook(...)"


class Channel(_Configured, frozen=True, kw_only=True):
    """A way to people or programs: by Apprise, or by a webhook; and what is told there."""

    urls: tuple[str, ...] = ()
    webhook: Webhook | None = None
    outcomes: tuple[str, ...] = ()
    """Which are told; empty for all."""
    minimum_severity: Severity = "info"

    def __post_init__(self) -> None:
        if bool(self.urls) == bool(self.webhook):
            raise ValueError("say either urls or webhook")
        if not set(self.outcomes) <= set(TOLD_OUTCOMES):
            raise ValueError(f"outcomes are among {', '.join(TOLD_OUTCOMES)}")
        if self.webhook and not _is_http(self.webhook.url):
            raise ValueError("the url of a webhook begins with https:// or http:// and a host")

    def __repr__(self) -> str:
        return "Channel(...)"

    def wants(self, notice: Notice) -> bool:
        """Say whether it is told this."""
        return at_least(notice.severity, self.minimum_severity) and (
            not self.outcomes or notice.outcome in self.outcomes
        )


class Channels(_Configured, frozen=True, kw_only=True):
    """All channels by name; ``default`` are those of a resource that names none."""

    channels: Mapping[str, Channel] = field(default_factory=dict)
    default: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.channels) > _MOST_CHANNELS:
            raise ValueError(f"at most {_MOST_CHANNELS} channels")
        missing = set(self.default) - set(self.channels)
        if missing:
            raise ValueError("default names a channel that is not there")

    def listeners(self, asked: tuple[str, ...] | None, notice: Notice) -> tuple[str, ...]:
        """Give the channels to which a notice goes.

        One that is not configured is among them: it may be a moment later, and if not, it is
        said that it is missing.
        """
        names = dict.fromkeys(self.default if asked is None else asked)
        found = ((name, self.channels.get(name)) for name in names)
        return tuple(name for name, channel in found if channel is None or channel.wants(notice))


NO_CHANNELS: Final = Channels()


def parse_channels(text: str) -> Channels:
    """Read the file.

    Raises
    ------
    ChannelsInvalid
        If it is not as it must be.
    """
    try:
        read: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" in line {mark.line + 1}" if mark else ""
        raise ChannelsInvalid(f"it is no YAML{place}") from None
    try:
        return convert(read or {}, type=Channels)
    except ValidationError as error:
        raise ChannelsInvalid(str(error)) from None


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
