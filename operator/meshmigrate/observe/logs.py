"""One stream of JSON lines: our own and those of the libraries.

Every record goes through one handler of the standard library; structlog renders both kinds.
"""

import logging
from collections.abc import MutableMapping
from typing import Any, Final, TextIO

import structlog

_QUIET: Final = ("aiohttp.access", "asyncio", "kopf.objects")
"""Loggers of which only warnings matter: they speak of every request and every event."""


def configure_logging(level: str, stream: TextIO) -> None:
    """Send everything from ``level`` on to the stream, a JSON object per line."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _add_resource,
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _add_resource(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name the resource a line of Kopf's is about: its records carry it as ``k8s_ref``."""
    record = event.get("_record")
    reference = getattr(record, "k8s_ref", None)
    if reference:
        event["resource"] = f"{reference.get('namespace')}/{reference.get('name')}"
        event["kind"] = reference.get("kind")
    return event
