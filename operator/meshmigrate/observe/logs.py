"""One stream of lines of one form: our own and those of the libraries (``docs/logs.md``).

Every record goes through one handler of the standard library; structlog renders both kinds.
"""

import logging
import sys
import threading
from collections.abc import MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from meshmigrate.domain.runner_log import LogFormat, format_moment

_QUIET: Final = ("aiohttp.access", "asyncio", "kopf.objects")
"""Loggers of which only warnings matter: they speak of every request and every event."""
_TELLING: Final = ("kubernetes.aio.client.rest",)
"""Loggers that write whole objects of the API at DEBUG."""
_FIRST: Final = ("apiVersion", "time", "level", "logger", "event", "message")
_LIBRARY: Final = "library"
"""The event of a line that is not ours: what it says is its message."""

_log: Final = structlog.get_logger(__name__)

Line = MutableMapping[str, Any]


def configure_logging(level: str, stream: TextIO, form: LogFormat = "json") -> None:
    """Send everything from ``level`` on to the stream, a line each: warnings and crashes too."""
    common: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _add_time,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*common, _name_library],
            processors=[
                _add_object,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _add_message,
                _in_camel_case,
                *_renderers(stream, form),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in (*_QUIET, *_TELLING):
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *common,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_crash
    threading.excepthook = _log_crash_of_thread
    sys.unraisablehook = _log_unraisable


def last_words(why: str, error: Exception | None = None) -> None:
    """Say what ends the process: a reason that a person can act on, or an error of ours."""
    if error is None:
        _log.critical("ended", error=why)
    else:
        _log.critical("crashed", exc_info=error)


def _renderers(stream: TextIO, form: LogFormat) -> list[structlog.typing.Processor]:
    if form == "console":
        console = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), timestamp_key="time", event_key="message"
        )
        return [_without_event, console]
    return [structlog.processors.format_exc_info, _in_order, structlog.processors.JSONRenderer()]


def _add_time(_: Any, __: str, line: Line) -> Line:
    line["time"] = format_moment(datetime.now(UTC))
    return line


def _name_library(_: Any, __: str, line: Line) -> Line:
    """Tell what a library wrote from our events, which are words of a list."""
    line["message"], line["event"] = line["event"], _LIBRARY
    return line


def _add_object(_: Any, __: str, line: Line) -> Line:
    """Name the object a line of Kopf's is about: its records carry it as ``k8s_ref``."""
    reference = getattr(line.get("_record"), "k8s_ref", None)
    if reference:
        kind, namespace, name = (reference.get(part) for part in ("kind", "namespace", "name"))
        line["object"] = f"{kind} {namespace}/{name}"
    return line


def _add_message(_: Any, __: str, line: Line) -> Line:
    """Say an event in words, with the error that is its cause."""
    said = str(line.get("message") or line["event"].replace("-", " "))
    error = line.get("error")
    line["message"] = f"{said}: {error}" if error else said
    return line


def _in_camel_case(_: Any, __: str, line: Line) -> Line:
    """Write keys as all JSON of the project has them."""
    return {_camel(key): value for key, value in line.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    # structlog's own, such as exc_info, are for the renderer
    return name if name == "exc_info" else first + "".join(word.capitalize() for word in rest)


def _in_order(_: Any, __: str, line: Line) -> Line:
    line["apiVersion"] = 1
    return {**{name: line[name] for name in _FIRST}, **line}


def _without_event(_: Any, __: str, line: Line) -> Line:
    del line["event"]
    return line


def _log_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    del kind, trace  # the error has both
    _log.critical("crashed", exc_info=error)


def _log_crash_of_thread(crash: threading.ExceptHookArgs) -> None:
    _log.error("thread-crashed", exc_info=crash.exc_value)


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    _log.error("error-not-raised", exc_info=unraisable.exc_value)
