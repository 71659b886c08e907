"""What others write beside the runner: libraries that log, warnings, errors that nobody caught.

It becomes lines of the same log, and loses its values on the way: any of them may be a secret. A
library's message keeps its place holders, an error its kind and place.
"""

import logging
import sys
import threading
import warnings
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Final, TextIO

from meshmigrate.cli.runner_log import Level, RunnerLog

_LIBRARY: Final = "library"
_NOT_CAUGHT: Final = "error-not-caught"


def catch_foreign_lines(log: RunnerLog) -> None:
    """Let nothing of this process be written but the lines of its log."""

    def show_warning(  # noqa: PLR0917  Python's own signature
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        del message, file, line
        place = f"{category.__name__} in {Path(filename).name}, line {lineno}"
        log.write("warning", _LIBRARY, place, logger="py.warnings")

    def show_error(error: BaseException | None, trace: TracebackType | None) -> None:
        log.write("error", _NOT_CAUGHT, _describe(error, trace))

    logging.root.handlers[:] = [_Lines(log)]
    warnings.showwarning = show_warning
    threading.excepthook = lambda crash: show_error(crash.exc_value, crash.exc_traceback)
    sys.excepthook = lambda _, error, trace: show_error(error, trace)
    sys.unraisablehook = lambda lost: show_error(lost.exc_value, lost.exc_traceback)


class _Lines(logging.Handler):
    def __init__(self, log: RunnerLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        level: Level = "warning" if record.levelno < logging.ERROR else "error"
        self._log.write(level, _LIBRARY, str(record.msg), logger=record.name)


def _describe(error: BaseException | None, trace: TracebackType | None) -> str:
    kind = type(error).__name__
    frames = extract_tb(trace)
    if not frames:
        return kind
    return f"{kind} in {Path(frames[-1].filename).name}, line {frames[-1].lineno}"
