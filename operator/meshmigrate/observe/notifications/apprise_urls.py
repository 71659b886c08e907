"""A message by Apprise, which knows Slack, Teams, mail, PagerDuty and a hundred others.

It is synchronous and heavy to import (0.5 s), so it works in a thread of its own: one for each
channel at most, and one that hangs neither delays another channel nor the end of the process.
"""

import asyncio
import logging
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

from meshmigrate.observe.notifications.delivery import NotDelivered, Told
from meshmigrate.observe.notifications.text import Message, compose, compose_many

TIMEOUT_SECONDS: Final = 60.0
"""Apprise's own time limits are a few seconds for each request."""
_SHORTEST_SECRET: Final = 4
_TYPES: Final[Mapping[str, str]] = {
    "info": "info",
    "warning": "warning",
    "error": "failure",
    "critical": "failure",
}

_TELL_URLS: Final = ("apprise", "urllib3")
"""Loggers of which no line gets any further: tokens are parts of paths."""

_busy: set[tuple[str, ...]] = set()
"""Channels whose thread has not come back."""


async def send_to_urls(
    urls: tuple[str, ...], told: Told, *, seconds: float = TIMEOUT_SECONDS
) -> None:
    """Send one message to all URLs; it counts as delivered when all have taken it.

    Raises
    ------
    NotDelivered
        With what Apprise said, without the parts of the URLs; or if it does not come back.
    """
    if urls in _busy:
        raise NotDelivered("the last message is still on its way: the service does not answer")
    notices = [notice for _, notice in told]
    message = compose(notices[0]) if len(notices) == 1 else compose_many(notices)
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[str] = loop.create_future()

    def work() -> None:
        try:
            said = _notify(urls, message)
        except Exception as error:  # noqa: BLE001  a plugin may raise anything
            said = f"{type(error).__name__} in Apprise"
        finally:
            _busy.discard(urls)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_finish, finished, said)

    _busy.add(urls)
    threading.Thread(target=work, name="apprise", daemon=True).start()
    try:
        said = await asyncio.wait_for(finished, seconds)
    except TimeoutError:
        raise NotDelivered(f"the service did not answer within {seconds:.0f} s") from None
    if said:
        raise NotDelivered(said)


def _finish(future: "asyncio.Future[str]", said: str) -> None:
    if not future.done():
        future.set_result(said)


def _notify(urls: Iterable[str], message: Message) -> str:
    """Send; give why that failed, or nothing."""
    for name in _TELL_URLS:
        _keep_to_itself(logging.getLogger(name))
    import apprise  # noqa: PLC0415  heavy, and only needed where a channel uses it

    # Its own threads would be waited for at the end of the process; a redirect could lead a
    # token elsewhere.
    asset = apprise.AppriseAsset(async_mode=False, service_timeout=0, http_redirects=False)
    sink = apprise.Apprise(asset=asset)
    for url in urls:
        if not sink.add(url):
            return "a URL of the channel is none that Apprise knows"
    with _Listening() as lines:
        sent = sink.notify(
            title=message.title,
            body=message.body,
            notify_type=apprise.NotifyType(_TYPES[message.severity]),
            body_format=apprise.NotifyFormat.TEXT,
        )
    if sent:
        return ""
    return without_parts("; ".join(lines), urls) or "the service did not take it"


def _keep_to_itself(logger: logging.Logger) -> None:
    logger.propagate = False
    if not logger.handlers:  # without any, a warning would go to standard error
        logger.addHandler(logging.NullHandler())


def without_parts(text: str, urls: Iterable[str]) -> str:
    """Hide what a text repeats of URLs: hosts, users, passwords and tokens alike."""
    parts = {part for url in urls for part in re.split(r"[:/@?&=,#]+", url)}
    parts |= {unquote(part) for part in parts}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET:
            text = text.replace(part, "…")
    return text


class _Listening(logging.Handler):
    """Takes what Apprise logs in this thread for as long as it lasts."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger(_TELL_URLS[0])
        self._thread = threading.get_ident()
        self._lines: list[str] = []

    def __enter__(self) -> list[str]:
        self._logger.addHandler(self)
        return self._lines

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._lines.append(record.getMessage())
