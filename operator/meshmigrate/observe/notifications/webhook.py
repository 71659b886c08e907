"""A CloudEvent by HTTP POST."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from meshmigrate.observe.notifications.channels import Webhook
from meshmigrate.observe.notifications.cloud_event import CONTENT_TYPE, encode_event
from meshmigrate.observe.notifications.delivery import NotDelivered, Told

TIMEOUT_SECONDS: Final = 15.0
_LONGEST_PAUSE_SECONDS: Final = 3600.0


async def post_event(webhook: Webhook, told: Told, *, seconds: float = TIMEOUT_SECONDS) -> None:
    """Post one event; whatever is answered from 200 to 299 means that it has arrived.

    A redirect is none of these: a POST with credentials does not follow one elsewhere.

    Raises
    ------
    NotDelivered
        With the status, or the kind of failure; and with what ``Retry-After`` said.
    """
    headers = {**webhook.headers, "Content-Type": f"{CONTENT_TYPE}; charset=utf-8"}
    timeout = ClientTimeout(total=seconds)
    try:
        async with (
            ClientSession(timeout=timeout) as session,
            session.post(
                webhook.url, data=encode_event(told), headers=headers, allow_redirects=False
            ) as response,
        ):
            if response.ok and response.status < 300:  # noqa: PLR2004  HTTP's own number
                return
            raise NotDelivered(
                f"the webhook answered {response.status}",
                retry_after=pause_asked_for(response.headers, datetime.now(UTC)),
            )
    except TimeoutError:
        raise NotDelivered(f"the webhook did not answer within {seconds:.0f} s") from None
    except (ClientError, OSError, ValueError) as error:
        raise NotDelivered(f"the webhook was not reached: {type(error).__name__}") from None


def pause_asked_for(headers: Mapping[str, str], now: datetime) -> float:
    """Read ``Retry-After``, seconds or a date (RFC 9110, 10.2.3); an hour at most."""
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        seconds = float(said)
    else:
        try:
            until = parsedate_to_datetime(said)
        except ValueError:
            return 0.0
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), _LONGEST_PAUSE_SECONDS)
