"""The log of ``meshmigrate runner``: JSON lines on its standard output (``docs/logs.md``)."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import replace

from meshmigrate.domain.runner_log import (
    MAX_MESSAGE_BYTES,
    LogLine,
    Progress,
    encode_line,
    format_moment,
    shortened,
)
from meshmigrate.engine.events import Event
from meshmigrate.engine.progress import progress_after

if TYPE_CHECKING:
    from meshmigrate.domain.result import RollbackReady
    from meshmigrate.domain.runspec import RunIdentity


Level = Literal["info", "warning", "error"]
LOGGER: Final = "meshmigrate.runner"


class RunnerLog:
    """Writes a line per event, each with the run it belongs to and how far that is.

    Parameters
    ----------
    encode
        Gives a line its form.
    """

    def __init__(self, encode: Callable[[LogLine], bytes] = encode_line) -> None:
        self.run: RunIdentity | None = None
        self.resource = ""
        self._encode = encode
        self.trace_id = ""
        self._lock = Lock()
        self._progress: Progress | None = None
        self._rollback_ready: RollbackReady | None = None

    def __call__(self, event: Event) -> None:
        """Write an event; the monitor has some too, in a thread of its own."""
        with self._lock:
            self._progress = progress_after(self._progress, event)
            told = event.rollback_ready
            if told is not None:
                message = shortened(told.message, MAX_MESSAGE_BYTES // 8)
                self._rollback_ready = replace(told, message=message)
            self.write("warning" if event.warning else "info", event.name, event.message, event)

    def write(
        self,
        level: Level,
        name: str,
        message: str,
        event: Event | None = None,
        *,
        logger: str = LOGGER,
    ) -> None:
        """Write a line, of what is no event of a run too."""
        line = LogLine(
            api_version=1,
            time=format_moment(datetime.now(UTC)),
            level=level,
            logger=logger,
            event=name,
            message=shortened(message, MAX_MESSAGE_BYTES),
            resource=self.resource,
            run_id=str(self.run.id) if self.run else "",
            run=self.run.number if self.run else None,
            attempt=self.run.attempt if self.run else None,
            version=event.version if event else "",
            file=event.file if event else "",
            line=event.line if event else None,
            column=event.column if event else None,
            progress=self._progress,
            rollback_ready=self._rollback_ready,
            trace_id=self.trace_id,
        )
        sys.stdout.buffer.write(self._encode(line))
        sys.stdout.buffer.flush()


def encode_for_people(line: LogLine) -> bytes:
    """Give a line as a person reads it."""
    place = f"{line.version} " if line.version else ""
    return f"{line.time} {line.level:7} {line.event:20} {place}{line.message}\n".encode()
