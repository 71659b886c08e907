"""Telling how a run on the command line ended: by the channels of a file, after its answer."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from meshmigrate.cli.options import Command

if TYPE_CHECKING:
    from meshmigrate.domain.result import Result
    from meshmigrate.observe.notifications.channels import Channel
    from meshmigrate.observe.notifications.notice import Notice

_PAUSES: Final = (0.0, 2.0, 5.0)
"""Seconds before each attempt; nobody is there to try for a day."""
_LONGEST_SECONDS: Final = 30.0


class Teller:
    """The channels that are told, by name."""

    def __init__(self, channels: "Mapping[str, Channel]") -> None:
        self._channels = channels

    def tell(self, result: "Result") -> None:
        """Tell all channels that want it; one that cannot be told is named on standard error.

        It changes nothing about the exit code: the run has ended as it has.
        """
        notice = notice_of(result, os.environ)
        wanted = {name: each for name, each in self._channels.items() if each.wants(notice)}
        for name, why in asyncio.run(_tell_all(wanted, notice)).items():
            click.echo(f"warning: channel {name} was not told: {why}", err=True)


def notify_options(command: Command) -> Command:
    """Give a command ``teller``: None where nobody is to be told."""

    @click.option(
        "--notify-config",
        envvar="MESHMIGRATE_NOTIFY_CONFIG",
        show_envvar=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="File with channels that are told how the run ended.",
    )
    @click.option(
        "--notify",
        envvar="MESHMIGRATE_NOTIFY",
        show_envvar=True,
        multiple=True,
        metavar="CHANNEL",
        help="Channel of that file; may be repeated. Default: the file's default ones.",
    )
    @wraps(command)
    def with_teller(*, notify_config: Path | None, notify: tuple[str, ...], **others: Any) -> None:
        command(teller=_read(notify_config, notify), **others)

    return with_teller


def _read(file: Path | None, named: tuple[str, ...]) -> Teller | None:
    """Read the file before the run: a mistake in it is none of the run's ends."""
    if file is None:
        if named:
            raise click.UsageError("--notify: name the file with the channels by --notify-config")
        return None
    from meshmigrate.observe.notifications.channels import ChannelsInvalid, parse_channels

    try:
        read = parse_channels(file.read_text("utf-8"))
    except ChannelsInvalid as error:
        raise click.UsageError(f"--notify-config {file}: {error}") from error
    except UnicodeDecodeError:
        raise click.UsageError(f"--notify-config {file}: it is not UTF-8") from None
    except OSError as error:
        raise click.UsageError(f"--notify-config {file}: {error.strerror}") from error
    chosen = {}
    for name in named or read.default:
        if name not in read.channels:
            known = ", ".join(sorted(read.channels)) or "none"
            raise click.UsageError(f"--notify {name}: {file} has other channels: {known}")
        chosen[name] = read.channels[name]
    for channel in chosen.values():
        module = "aiohttp" if channel.webhook else "apprise"
        if find_spec(module) is None:
            raise click.UsageError(
                f"--notify needs {module}, which is not installed: "
                "pip install 'meshmigrate[notifications]'"
            )
    return Teller(chosen)


def notice_of(result: "Result", environment: Mapping[str, str]) -> "Notice":
    """Give what is told about a result; who asked for it is what the CI system says."""
    from meshmigrate.cli.provenance import provenance_of
    from meshmigrate.domain.describe import describe_result
    from meshmigrate.domain.errors import Location
    from meshmigrate.observe.notifications.notice import Notice

    provenance, failure = provenance_of(environment), result.failure
    place = Location(failure.file, failure.line, failure.column) if failure else None
    return Notice(
        outcome=result.outcome,
        reason=result.reason,
        message=describe_result(result),
        at=result.finished_at or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        run_id=result.run_id,
        attempts=result.attempt,
        duration_seconds=result.duration_seconds,
        database=result.database.name if result.database else "",
        version=result.current_version,
        place=str(place) if place and place.file else "",
        sqlstate=failure.sqlstate if failure else "",
        commit=provenance.commit,
        ref=provenance.ref,
        actor=provenance.actor,
        run_url=provenance.run_url,
    )


async def _tell_all(channels: "Mapping[str, Channel]", notice: "Notice") -> dict[str, str]:
    """Tell all at the same time; give why those were not told that were not."""
    ends = await asyncio.gather(*(_tell(name, each, notice) for name, each in channels.items()))
    return {name: why for name, why in zip(channels, ends, strict=True) if why}


async def _tell(name: str, channel: "Channel", notice: "Notice") -> str:
    from meshmigrate.observe.notifications.delivery import NotDelivered, deliver
    from meshmigrate.observe.notifications.notice import notice_id

    told = [(notice_id(notice.run_id, notice.outcome, name), notice)]
    why, asked = "", 0.0
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            for pause in _PAUSES:
                await asyncio.sleep(max(pause, asked))
                try:
                    await deliver(channel, told)
                except NotDelivered as error:
                    why, asked = str(error), error.retry_after
                else:
                    return ""
    except TimeoutError:
        return why or f"it did not answer within {_LONGEST_SECONDS:.0f} s"
    return why
