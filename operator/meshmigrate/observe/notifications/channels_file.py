"""The file with the channels, read again when it has changed: the kubelet replaces it in place."""

from pathlib import Path
from typing import Final

import structlog

from meshmigrate.observe.notifications.channels import (
    NO_CHANNELS,
    Channels,
    ChannelsInvalid,
    parse_channels,
)

_log: Final = structlog.get_logger(__name__)


class ChannelsFile:
    """Gives the channels as the file has them; one that cannot be read changes nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self.channels = NO_CHANNELS

    def look(self) -> Channels:
        """Read the file if it is another one than before."""
        if self._path is None:
            return self.channels
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if seen != self._seen:
                self._seen = seen
                self.channels = parse_channels(self._path.read_text("utf-8"))
                names = sorted(self.channels.channels)
                _log.info("channels-read", channels=names)
        except ChannelsInvalid as error:
            _log.error("channels-not-read", error=str(error), consequence="the last ones stay")
        except (OSError, UnicodeDecodeError) as error:
            if self._seen != ():
                self._seen = ()
                why = getattr(error, "strerror", None) or "it is not UTF-8"
                _log.warning("no-channels", file=str(self._path), error=why)
        return self.channels
